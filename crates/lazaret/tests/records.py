"""What others' programs make of our files: python records.py FORMAT PATH TRUTH."""

import json
import sys
from pathlib import Path


def wfdb_records(path, truth):
    import numpy
    import wfdb
    from wfdb import processing

    names = (path / "RECORDS").read_text().split()
    for bed in truth["beds"]:
        name = f"bed_{bed['bed']}"
        assert name in names and f"{name}n" in names, names
        waves = wfdb.rdrecord(str(path / name), smooth_frames=False)
        assert waves.samps_per_frame == [2, 2, 2, 2, 1], waves.samps_per_frame
        assert waves.sig_name == ["ECG 1", "ECG 2", "ECG 3", "Pleth", "Respiration"], waves.sig_name
        assert abs(waves.fs - 128) < 0.5, waves.fs
        assert waves.base_datetime is not None
        for signal, per in zip(waves.e_p_signal, (256, 256, 256, 256, 128)):
            samples = numpy.count_nonzero(~numpy.isnan(signal))
            assert samples == bed["cycles"] * per, (name, samples, bed["cycles"] * per)
        digital = wfdb.rdrecord(str(path / name), smooth_frames=False, physical=False)
        sums = zip(digital.calc_checksum(expanded=True), digital.checksum)
        assert all((ours - theirs) % 65536 == 0 for ours, theirs in sums)
        numbers = wfdb.rdrecord(str(path / f"{name}n"))
        heart = numbers.p_signal[:, numbers.sig_name.index("Heart rate")]
        expected = bed["numerics"]["heart-rate"]
        assert numpy.nanmin(heart) == expected["min"] and numpy.nanmax(heart) == expected["max"], expected
        # The simulated patient's heart, as somebody else's detector finds it, is the one that the monitor shows.
        ecg = waves.e_p_signal[0][: 30 * 256]
        beats = processing.XQRS(sig=ecg[~numpy.isnan(ecg)], fs=2 * waves.fs)
        beats.detect(verbose=False)
        found = 60 * 2 * waves.fs / numpy.median(numpy.diff(beats.qrs_inds))
        assert expected["min"] - 5 <= found <= expected["max"] + 5, (name, found, expected)


def fhir_bundle(path, truth):
    from fhir.resources.R4B.bundle import Bundle

    bundle = Bundle.model_validate(json.loads(path.read_text()))
    observations = [entry.resource for entry in bundle.entry if entry.resource.get_resource_type() == "Observation"]
    rates = [one for one in observations if one.code.coding[0].code == "8867-4" and one.valueQuantity]
    assert len(rates) >= len(truth["beds"]) and all(one.valueQuantity.code == "/min" for one in rates)
    waves = [one for one in observations if one.valueSampledData]
    assert waves and all(len(one.valueSampledData.data.split(" ")) <= 2570 for one in waves)


def hl7_messages(path, truth):
    from hl7apy.consts import VALIDATION_LEVEL
    from hl7apy.parser import parse_message

    text = path.read_bytes().decode()
    messages = ["MSH|" + part for part in text.split("MSH|")[1:]]
    assert len(messages) >= len(truth["beds"])
    for message in messages:
        parsed = parse_message(message, find_groups=True, validation_level=VALIDATION_LEVEL.TOLERANT)
        assert parsed.version == "2.6" and parsed.msh.msh_9.value == "ORU^R01^ORU_R01"
        parsed.validate()


if __name__ == "__main__":
    look = {"wfdb": wfdb_records, "fhir": fhir_bundle, "hl7": hl7_messages}[sys.argv[1]]
    look(Path(sys.argv[2]), json.loads(Path(sys.argv[3]).read_text()))
