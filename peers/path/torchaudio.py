"""Nothing: LLaMA-Factory imports torchaudio at its start, and ours are pictures.

The real one is a CUDA build, which does not load beside a CPU build of torch.
"""
