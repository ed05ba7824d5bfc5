"""PyTorch's FlashAttention and cuDNN on the shapes of the benchmark, f16: medians of 50. Run on the same machine.

flash-attention.py [FILE.json]: milliseconds by backend and shape, also into the file.
"""

import json
import sys

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention


def measure(backend, tokens, keys):
    q = torch.randn(1, 32, tokens, 128, dtype=torch.float16, device="cuda")
    k, v = (torch.randn(1, 8, keys, 128, dtype=torch.float16, device="cuda") for _ in range(2))
    times = []
    with sdpa_kernel(backend):
        for _ in range(60):
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
            for _ in range(10):
                scaled_dot_product_attention(q, k, v, is_causal=tokens > 1, enable_gqa=True)
            end.record()
            torch.cuda.synchronize()
            times.append(start.elapsed_time(end) / 10)
    return sorted(times[10:])[25]


timings = []
for tokens, keys in [(2048, 2048), (8192, 8192), (1, 4096), (1, 32768)]:
    for name, backend in [("flash", SDPBackend.FLASH_ATTENTION), ("cudnn", SDPBackend.CUDNN_ATTENTION)]:
        try:
            milliseconds = measure(backend, tokens, keys)
            timings.append({"backend": name, "tokens": tokens, "keys": keys, "milliseconds": milliseconds})
            print(f"{name} {tokens}x{keys}: {milliseconds:.4f} ms")
        except RuntimeError as error:
            print(f"{name} {tokens}x{keys}: {str(error).splitlines()[0]}")
if len(sys.argv) > 1:
    with open(sys.argv[1], "w") as file:
        json.dump({"torch": torch.__version__, "timings": timings}, file, indent=2)
        file.write("\n")
