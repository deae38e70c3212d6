/* Devices of libtorch: names, the CUDA library, generators, threads. See bert.h and bert_impl.hpp.
 */
#include "model/bert_impl.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <thread>

#include <dlfcn.h>
#include <sys/sysinfo.h>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <torch/version.h>

namespace bert_impl
{

/* libtorch_cuda.so lies beside the libtorch_cpu.so that is loaded. */
static std::string cuda_library()
{
	Dl_info info;

	if (!dladdr(reinterpret_cast<void *>(&at::get_num_threads), &info) || !info.dli_fname)
		return "libtorch_cuda.so";
	std::string path = info.dli_fname;
	size_t slash = path.rfind('/');
	return (slash == std::string::npos ? "" : path.substr(0, slash + 1)) + "libtorch_cuda.so";
}

/* Once a process, and before libtorch is first asked about CUDA: it remembers the answer. */
static void load_cuda()
{
	static std::mutex mutex;
	static bool loaded = false;
	std::lock_guard<std::mutex> lock(mutex);

	if (loaded)
		return;
	if (!dlopen(cuda_library().c_str(), RTLD_NOW | RTLD_GLOBAL)) {
		const char *why = dlerror();
		const char *slash = why ? strrchr(why, '/') : nullptr;
		fail(ERR_DEVICE, "the CUDA library of libtorch cannot be loaded: %.300s",
		     slash ? slash + 1 : (why ? why : "unknown error"));
	}
	at::globalContext().lazyInitDevice(c10::DeviceType::CUDA);
	loaded = true;
}

static at::Device cuda_device(long index)
{
	load_cuda();
	int count = c10::impl::VirtualGuardImpl(c10::DeviceType::CUDA).deviceCount();
	if (count == 0)
		fail(ERR_DEVICE, "this machine has no CUDA device");
	if (index >= count)
		fail(ERR_DEVICE, "there is no cuda:%ld; this machine has %d CUDA device%s", index,
		     count, count == 1 ? "" : "s");
	return at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(index));
}

at::Device device_of(const char *name)
{
	if (strcmp(name, "cpu") == 0)
		return at::kCPU;
	if (strcmp(name, "cuda") == 0)
		return cuda_device(0);
	if (strncmp(name, "cuda:", 5) == 0 && name[5] >= '0' && name[5] <= '9') {
		char *end;
		long index = strtol(name + 5, &end, 10);
		if (!*end && index < 128)
			return cuda_device(index);
	}
	fail(ERR_DEVICE, "no device \"%.40s\"; there are cpu, cuda and cuda:N", name);
}

std::optional<c10::Stream> high_priority_stream(at::Device device)
{
	if (!device.is_cuda())
		return std::nullopt;
	return c10::impl::VirtualGuardImpl(device.type()).getStreamFromGlobalPool(device, true);
}

at::Generator generator_of(at::Device device, uint64_t seed)
{
	at::Generator g = device.is_cuda() ? at::globalContext()
						     .getAcceleratorHooksInterface(device.type())
						     .getNewGenerator(device.index())
					   : at::detail::createCPUGenerator();
	g.set_current_seed(seed);
	return g;
}

bool has_bf16(at::Device device)
{
#if defined(__x86_64__)
	return device.is_cuda() || __builtin_cpu_supports("avx512bf16");
#else
	return true;
#endif
}

static void describe_cpu(struct bert_device_info *out)
{
	struct sysinfo si;
	int threads = at::get_num_threads();

	snprintf(out->name, sizeof(out->name), "cpu (%d thread%s)", threads,
		 threads == 1 ? "" : "s");
	if (sysinfo(&si) == 0) {
		out->bytes_total = static_cast<int64_t>(si.totalram) * si.mem_unit;
		out->bytes_free = static_cast<int64_t>(si.freeram + si.bufferram) * si.mem_unit;
	}
}

/* The driver's and the runtime's C functions, by name: the program is not linked with CUDA. */
static void describe_cuda(at::Device device, struct bert_device_info *out)
{
	using get_device = int (*)(int *, int);
	using get_name = int (*)(char *, int, int);
	using get_memory = int (*)(size_t *, size_t *);
	auto device_get = reinterpret_cast<get_device>(dlsym(RTLD_DEFAULT, "cuDeviceGet"));
	auto name_get = reinterpret_cast<get_name>(dlsym(RTLD_DEFAULT, "cuDeviceGetName"));
	auto memory_get = reinterpret_cast<get_memory>(dlsym(RTLD_DEFAULT, "cudaMemGetInfo"));
	c10::OptionalDeviceGuard guard(device);
	int handle = 0;
	size_t free_bytes = 0, total_bytes = 0;

	snprintf(out->name, sizeof(out->name), "cuda:%d", static_cast<int>(device.index()));
	if (device_get && name_get && device_get(&handle, device.index()) == 0)
		name_get(out->name, sizeof(out->name), handle);
	if (memory_get && memory_get(&free_bytes, &total_bytes) == 0) {
		out->bytes_free = static_cast<int64_t>(free_bytes);
		out->bytes_total = static_cast<int64_t>(total_bytes);
	}
}

} // namespace bert_impl

using namespace bert_impl;

enum err bert_device_info(const char *device, struct bert_device_info *out, struct errinfo *ei)
{
	return guard(ei, [&] {
		at::Device d = device_of(device);

		*out = {};
		snprintf(out->libtorch, sizeof(out->libtorch), "%d.%d.%d", TORCH_VERSION_MAJOR,
			 TORCH_VERSION_MINOR, TORCH_VERSION_PATCH);
		if (d.is_cuda())
			describe_cuda(d, out);
		else
			describe_cpu(out);
	});
}

void bert_set_threads(int n)
{
	int all = static_cast<int>(std::thread::hardware_concurrency());

	at::set_num_threads(n > 0 ? n : (all > 0 ? all : 1));
}
