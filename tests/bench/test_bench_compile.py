"""Compiling costs little beside what Airflow takes for the same graph, whatever the number of pipelines."""

from tests.bench.bench_compile import growth, measure


def test_compiling_is_linear_and_costs_less_than_four_times_bare_airflow() -> None:
    few, many = measure(20, repeats=3), measure(120, repeats=3)
    assert many["stages"] == 12
    assert many["compile_ms"] < 4 * many["bare_airflow_ms"]
    assert growth([few, many]) < 2


def test_a_worker_does_not_pay_for_the_pipelines_it_does_not_run() -> None:
    alone, among_many = measure(1, repeats=3), measure(120, repeats=3)
    assert among_many["only_one_of_them_ms"] < 3 * alone["only_one_of_them_ms"]
