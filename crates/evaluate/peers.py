"""Runs the beat, pulse and breath detectors of wfdb-python and neurokit2 on waves written by `evaluate`.

Usage: peers.py FOLDER < jobs. A job is a line: name, kind, rate in hertz, detector, separated by tabs. The wave is
FOLDER/name.i32; the answer is FOLDER/name.detector.txt: CPU seconds, then the places found, one a line. A detector that
fails on a wave has found nothing, and says so on standard error.
"""

import sys
import time
import warnings
from pathlib import Path

import neurokit2 as nk
import numpy as np
from wfdb import processing

warnings.filterwarnings("ignore")


def find(kind, detector, wave, rate):
    if detector == "xqrs":
        xqrs = processing.XQRS(sig=wave, fs=rate)
        xqrs.detect(verbose=False)
        return xqrs.qrs_inds
    method = {"nk-neurokit": "neurokit", "nk-pantompkins": "pantompkins1985", "nk-elgendi": "elgendi",
              "nk-biosppy": "biosppy", "nk-khodadad": "khodadad2018"}[detector]
    if kind == "ecg":
        clean = nk.ecg_clean(wave, sampling_rate=rate, method=method)
        return nk.ecg_peaks(clean, sampling_rate=rate, method=method)[1]["ECG_R_Peaks"]
    if kind == "pleth":
        clean = nk.ppg_clean(wave, sampling_rate=rate, method=method)
        return nk.ppg_findpeaks(clean, sampling_rate=rate, method=method)["PPG_Peaks"]
    clean = nk.rsp_clean(wave, sampling_rate=rate, method=method)
    return nk.rsp_peaks(clean, sampling_rate=rate, method=method)[1]["RSP_Peaks"]


def main():
    folder = Path(sys.argv[1])
    for job in sys.stdin:
        name, kind, rate, detector = job.rstrip("\n").split("\t")
        wave = np.fromfile(folder / f"{name}.i32", dtype="<i4").astype(float)
        started = time.process_time()
        try:
            found = [int(place) for place in find(kind, detector, wave, int(float(rate))) if place == place]
        except Exception as why:  # a peer's fault is its result
            print(f"{detector} on {name}: {why}", file=sys.stderr)
            found = []
        used = time.process_time() - started
        (folder / f"{name}.{detector}.txt").write_text("\n".join([f"{used:.6f}", *map(str, sorted(found))]) + "\n")


main()
