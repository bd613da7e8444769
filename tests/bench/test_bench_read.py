"""A pipeline is read, expanded and checked in little time, whatever the number of others."""

from tests.bench.bench_read import measure


def test_reading_is_linear_and_leaves_most_of_3_ms_to_the_compiler() -> None:
    few, many = measure(50), measure(400)
    assert many["ms_each"] < 2
    assert many["ms_each"] < few["ms_each"] * 2
    assert many["ms_only_one_of_them"] < 20
