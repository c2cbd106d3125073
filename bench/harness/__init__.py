"""The parts of the benchmark runner: data, tasks, one measurement, the report."""
