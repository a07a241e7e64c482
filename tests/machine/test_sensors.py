"""What the system tells of heat and power."""

from dataclasses import dataclass
from pathlib import Path

from tests.machine.trees import write
from tinderbox.machine.sensors import Reading, read_sensors

HWMON = "sys/class/hwmon/hwmon0"


@dataclass(frozen=True)
class Driver:
    """NVIDIA's, of one card; None is "not supported"."""

    watts: float | None

    def count(self) -> int:
        return 1

    def name(self, index: int) -> str:
        return "GB10"

    def temperature(self, index: int) -> float | None:
        return 51.0

    def power(self, index: int) -> float | None:
        return self.watts


def read(root: Path) -> list[Reading]:
    return read_sensors(root, lambda: None)


def test_a_machine_that_reports_nothing_has_no_readings(tmp_path: Path) -> None:
    assert read(tmp_path) == []


def test_temperatures_are_read_by_chip_and_label(tmp_path: Path) -> None:
    write(tmp_path, {f"{HWMON}/name": "k10temp\n", f"{HWMON}/temp1_input": "45125", f"{HWMON}/temp1_label": "Tctl\n"})

    assert read(tmp_path) == [Reading("k10temp", "Tctl", "celsius", 45.125)]


def test_the_average_of_a_power_is_preferred_to_its_moment(tmp_path: Path) -> None:
    files = {f"{HWMON}/name": "amdgpu", f"{HWMON}/power1_input": "9000000", f"{HWMON}/power1_average": "8000000"}
    write(tmp_path, files)

    assert read(tmp_path) == [Reading("amdgpu", "power1", "watts", 8.0)]


def test_a_sensor_that_sleeps_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, {f"{HWMON}/name": "nvme", f"{HWMON}/temp1_input": ""})

    assert read(tmp_path) == []


def test_energy_is_read_by_zone(tmp_path: Path) -> None:
    zone = "sys/class/powercap/intel-rapl:0"
    write(tmp_path, {f"{zone}/name": "package-0", f"{zone}/energy_uj": "2500000"})

    assert read(tmp_path) == [Reading("package-0", "intel-rapl:0", "joules", 2.5)]


def test_graphics_tell_what_they_can(tmp_path: Path) -> None:
    assert read_sensors(tmp_path, lambda: Driver(watts=None)) == [Reading("GB10", "gpu0", "celsius", 51.0)]
    assert read_sensors(tmp_path, lambda: Driver(watts=90.5))[1:] == [Reading("GB10", "gpu0", "watts", 90.5)]
