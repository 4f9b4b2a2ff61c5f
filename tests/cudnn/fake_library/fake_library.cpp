// A library that has cuDNN's names and does nothing: FAKE_VERSION is what it says it is.
extern "C" {
unsigned long cudnnGetVersion() { return FAKE_VERSION; }
#define FAKE(name) \
  int name() { return 1; }
FAKE(cudnnGetErrorString)
FAKE(cudnnGetLastErrorString)
FAKE(cudnnCreate)
FAKE(cudnnDestroy)
FAKE(cudnnSetStream)
FAKE(cudnnGetStream)
FAKE(cudnnBackendCreateDescriptor)
FAKE(cudnnBackendDestroyDescriptor)
FAKE(cudnnBackendFinalize)
FAKE(cudnnBackendSetAttribute)
FAKE(cudnnBackendGetAttribute)
#ifndef FAKE_LACKS_EXECUTE
FAKE(cudnnBackendExecute)
#endif
}
