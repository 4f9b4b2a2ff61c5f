# Flags every target of the project gets, and the one way to make a library of a folder.
add_library(engine_flags INTERFACE)
target_include_directories(engine_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(engine_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
                       -Wno-missing-field-initializers -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # False alarms of GCC 12's optimiser in standard containers.
  target_compile_options(engine_flags INTERFACE -Wno-restrict -Wno-array-bounds -Wno-stringop-overflow
                         -Wno-stringop-overread -Wno-maybe-uninitialized -Wno-dangling-pointer)
  # It takes the files of a batch for headers.
  target_compile_options(engine_flags INTERFACE $<$<BOOL:${CMAKE_UNITY_BUILD}>:-Wno-subobject-linkage>)
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  # Under sanitizers clang cannot vectorise what `omp simd` asks for, and says so.
  target_compile_options(engine_flags INTERFACE -Wno-pass-failed)
endif()
if(ENGINE_NATIVE)
  target_compile_options(engine_flags INTERFACE -march=native)
endif()
if(ENGINE_SANITIZE)
  target_compile_options(engine_flags INTERFACE -fsanitize=${ENGINE_SANITIZE} -fno-omit-frame-pointer
                         -fno-sanitize-recover=all)
  target_link_options(engine_flags INTERFACE -fsanitize=${ENGINE_SANITIZE})
endif()
if(ENGINE_FUZZ)
  target_compile_options(engine_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O3 -DNDEBUG")

# engine_library(NAME DEPENDS ...): every .cpp of the current folder as one static library.
function(engine_library name)
  cmake_parse_arguments(arg "" "" "DEPENDS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  if(sources)
    add_library(${name} STATIC ${sources})
    target_link_libraries(${name} PUBLIC engine_flags ${arg_DEPENDS})
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE engine_flags ${arg_DEPENDS})
  endif()
endfunction()
