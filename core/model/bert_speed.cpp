/* How fast a device is, by trying: see bert.h and bert_impl.hpp. */
#include "model/bert_impl.hpp"

#include <algorithm>
#include <cmath>
#include <ctime>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include <ATen/ops/linear.h>
#include <ATen/ops/ones.h>
#include <c10/core/InferenceMode.h>

namespace bert_impl
{

/* Seconds of this thread's processor where it is the device, which what else runs on the machine
 * does not lengthen; else seconds. */
static double now(at::Device device)
{
	struct timespec t;

	clock_gettime(device.is_cpu() ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &t);
	return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

/* The best of several tries. run() ends with a value of its result, so that a device that works
 * behind the caller's back has finished. */
static double best_seconds(at::Device device, const std::function<void()> &run)
{
	double end = now(device) + 0.03, best = INFINITY;

	run();
	for (int i = 0; i < 3 || now(device) < end; i++) {
		double start = now(device);
		run();
		best = std::min(best, now(device) - start);
	}
	return best;
}

static double flops_of(at::Device device, bool bf16)
{
	int64_t rows = device.is_cuda() ? 8192 : 512, in = 768, out = 3072;
	at::TensorOptions options =
		at::TensorOptions().device(device).dtype(bf16 ? at::kBFloat16 : at::kFloat);
	at::Tensor x = at::ones({ rows, in }, options), weight = at::ones({ out, in }, options),
		   bias = at::ones({ out }, options);

	return 2.0 * static_cast<double>(rows * in * out) /
	       best_seconds(device, [&] { at::linear(x, weight, bias)[0][0].item<float>(); });
}

/* Into memory that is allocated for it, as activations and gradients are: larger than what the
 * allocator keeps, so that on a CPU the kernel's share counts. */
static double bytes_per_second_of(at::Device device)
{
	int64_t n = 9 << 20;
	at::Tensor x = at::ones({ n }, at::TensorOptions().device(device).dtype(at::kFloat));

	return 2.0 * sizeof(float) * static_cast<double>(n) /
	       best_seconds(device, [&] { x.add(x)[0].item<float>(); });
}

static double call_seconds_of(at::Device device)
{
	at::Tensor x = at::ones({ 8 }, at::TensorOptions().device(device).dtype(at::kFloat));
	const int n = 1000;

	return best_seconds(device,
			    [&] {
				    at::Tensor y = x;
				    for (int i = 0; i < n; i++)
					    y = y.add(x);
				    y[0].item<float>();
			    }) /
	       n;
}

static struct bert_speed measure(const char *name, bool bf16)
{
	c10::InferenceMode inference;
	at::Device device = device_of(name);
	c10::OptionalDeviceGuard scope;

	if (device.is_cuda())
		scope.reset_device(device);
	return { flops_of(device, bf16), bytes_per_second_of(device), call_seconds_of(device) };
}

} // namespace bert_impl

using namespace bert_impl;

enum err bert_device_speed(const char *device, bool bf16, struct bert_speed *out,
			   struct errinfo *ei)
{
	static std::mutex mutex;
	static std::map<std::pair<std::string, bool>, struct bert_speed> known;

	return guard(ei, [&] {
		std::lock_guard<std::mutex> lock(mutex);
		auto found = known.find({ device, bf16 });

		if (found == known.end())
			found = known.insert({ { device, bf16 }, measure(device, bf16) }).first;
		*out = found->second;
	});
}
