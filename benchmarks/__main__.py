"""``make bench``: run every benchmark in turn."""

from benchmarks import log_call, record_call

if __name__ == "__main__":
    for benchmark in (log_call, record_call):
        benchmark.main()
        print()
