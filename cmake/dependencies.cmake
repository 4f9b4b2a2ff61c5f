# Debian packages: libdnnl-dev libopenblas-openmp-dev liblapacke-dev libturbojpeg0-dev libstb-dev
# nlohmann-json3-dev libcli11-dev libfmt-dev zlib1g-dev doctest-dev
find_package(Threads REQUIRED)
find_package(OpenMP REQUIRED)
find_package(ZLIB REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(turbojpeg REQUIRED IMPORTED_TARGET libturbojpeg)
pkg_check_modules(stb REQUIRED IMPORTED_TARGET stb)

# Debian's dnnl-config.cmake asks for OpenCL's development files; the library itself is all we need.
find_library(DNNL_LIBRARY dnnl REQUIRED)
find_path(DNNL_INCLUDE_DIR dnnl.hpp REQUIRED)
add_library(engine_dnnl INTERFACE)
target_include_directories(engine_dnnl SYSTEM INTERFACE ${DNNL_INCLUDE_DIR})
target_link_libraries(engine_dnnl INTERFACE ${DNNL_LIBRARY})

# The OpenMP flavour by name: with it, oneDNN, OpenBLAS and our own loops share libgomp's one thread pool.
find_library(OPENBLAS_LIBRARY NAMES openblas PATH_SUFFIXES openblas-openmp REQUIRED
             PATHS /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE} NO_DEFAULT_PATH)
find_path(OPENBLAS_INCLUDE_DIR NAMES cblas.h REQUIRED
          PATHS /usr/include/${CMAKE_LIBRARY_ARCHITECTURE}/openblas-openmp NO_DEFAULT_PATH)

add_library(engine_openblas INTERFACE)
target_include_directories(engine_openblas SYSTEM INTERFACE ${OPENBLAS_INCLUDE_DIR})
target_link_libraries(engine_openblas INTERFACE ${OPENBLAS_LIBRARY})
# libopenblas.so.0 in the default path is whatever flavour update-alternatives chose; this is the one we mean.
cmake_path(GET OPENBLAS_LIBRARY PARENT_PATH openblas_dir)
set(CMAKE_BUILD_RPATH ${openblas_dir})
set(CMAKE_INSTALL_RPATH ${openblas_dir})
