// The rules of kernels/cuda/language.cuh that a look at the text can check. They keep kernels fit for both executors.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <regex>
#include <string>
#include <vector>

#include "tests/architecture/read.h"

namespace {

namespace fs = std::filesystem;
using engine::architecture::read;

struct Rule {
  const char* what;
  const char* pattern;  // of what is forbidden
  const char* example;  // must be seen
  std::vector<std::string> exempt;
};

const std::vector<Rule>& rules() {
  static const std::vector<Rule> list = {
      {"kernels are launched by launch<kernel>(...)", R"(<<<)", "k<<<1, 32>>>(x);", {"language.cuh"}},
      {"shared memory comes from SHARED and SHARED_DYNAMIC", R"(\b__shared__\b)", "__shared__ float s[32];",
       {"language.cuh"}},
      {"parameters go by value, not through constant or managed memory", R"(\b__(constant|managed)__\b)",
       "__constant__ float table[8];", {}},
      {"a mask is known, not asked for", R"(\b__activemask\b)", "f(__activemask());", {}},
      {"no cooperative groups", R"(cooperative_groups)", "namespace cg = cooperative_groups;", {}},
      {"warp operations are the _sync ones", R"(\b__(shfl|shfl_up|shfl_down|shfl_xor|any|all|ballot)\s*\()",
       "v += __shfl_down(v, 1);", {}},
      {"only the runtime layer calls the CUDA runtime", R"(\bcuda[A-Z]\w*\s*\()", "cudaMalloc(&p, n);",
       {"runtime_cuda.cu"}},
      {"only the language header includes CUDA's", R"(#\s*include\s*<(cuda|mma|cooperative))", "#include <cuda_fp16.h>",
       {"language.cuh", "runtime_cuda.cu"}},
      {"kernels have external linkage", R"(\bnamespace\s*\{|\bstatic\s+__global__)", "namespace {", {}},
      {"inline PTX and matrix instructions live in ptx.cuh, with their host twins", R"(\basm\b|\bwmma\b)",
       R"(asm volatile("cp.async.wait_all;");)", {"ptx.cuh"}},
      {"kernels do not print or allocate", R"(\b(printf|malloc)\s*\()", R"(printf("%d", i);)", {}},
      {"kernels do not wait for other blocks", R"(\bvolatile\b|while\s*\(\s*!?\s*atomic)",
       "while (atomicAdd(counter, 0) < n) {}", {"ptx.cuh"}},
      {"a kernel's parameters are values and pointers", R"(__global__[^;{]*\([^;{]*&)",
       "__global__ void k(const Params& p) {}", {}},
      {"no grid-wide or cluster barriers", R"(\bgrid\s*\.\s*sync\b|\bcluster\b)", "grid.sync();", {}},
  };
  return list;
}

// The text without comments and without what strings hold.
std::string code_of(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.compare(i, 2, "//") == 0) {
      i = std::min(text.find('\n', i), text.size());
      out += '\n';
    } else if (text.compare(i, 2, "/*") == 0) {
      i = std::min(text.find("*/", i + 2), text.size() - 2) + 1;
    } else if (text[i] == '"') {
      while (++i < text.size() && text[i] != '"')
        if (text[i] == '\\') ++i;
      out += "\"\"";
    } else {
      out += text[i];
    }
  }
  return out;
}

std::vector<fs::path> kernel_files() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(SOURCE_DIR) / "kernels" / "cuda"))
    if (entry.path().extension() == ".cu" || entry.path().extension() == ".cuh") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

bool breaks(const Rule& rule, const std::string& code) { return std::regex_search(code, std::regex(rule.pattern)); }

}  // namespace

TEST_CASE("Each rule sees what it forbids, and not in comments or strings") {
  for (const Rule& rule : rules()) {
    CAPTURE(std::string(rule.what));
    CHECK(breaks(rule, code_of(rule.example)));
    CHECK(!breaks(rule, code_of(std::string("// ") + rule.example + "\nint x;")));
    CHECK(!breaks(rule, code_of("__global__ void k(float* x, int n) {\n  SHARED(float, s, [32]);\n  __syncthreads();\n}")));
  }
}

TEST_CASE("Kernel files keep the rules") {
  const auto files = kernel_files();
  REQUIRE(files.size() > 4);
  for (const fs::path& file : files) {
    const std::string code = code_of(read(file)), name = file.filename().string();
    CAPTURE(name);
    for (const Rule& rule : rules()) {
      if (std::find(rule.exempt.begin(), rule.exempt.end(), name) != rule.exempt.end()) continue;
      CAPTURE(std::string(rule.what));
      CHECK(!breaks(rule, code));
    }
  }
}

TEST_CASE("Everything that is compiled for both devices is in the namespace of its device") {
  for (const fs::path& file : kernel_files()) {
    const std::string name = file.filename().string();
    if (name == "runtime_cuda.cu") continue;
    CAPTURE(name);
    CHECK(code_of(read(file)).find("namespace engine::ENGINE_CUDA_NS") != std::string::npos);
  }
}
