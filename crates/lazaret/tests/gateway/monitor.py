"""A monitor that speaks the telemetry of the CMS8000, written from the public description alone.

    monitor.py HOST PORT BED FIRST COUNT INTERVAL_MS

Sends COUNT cycles, whose numbers count from FIRST: heart rate and respiration rate are its digits to the base of 100, so
that whoever receives them can tell which came. Connects again when the connection breaks; a cycle that could not be sent
is tried once more on the new connection. Prints each cycle that was sent, with the time.
"""

import socket
import struct
import sys
import time

HOST, PORT, BED, FIRST, COUNT = sys.argv[1], *map(int, sys.argv[2:6])
INTERVAL = int(sys.argv[6]) / 1000
NAME, NUMBER = b"Quendolin Marshgate", b"ZQ70010001"


def unit(kind, data=b""):
    return struct.pack("<HBB", 2 + len(data), 0x05, kind) + data


def patient():
    data = bytearray(0xAD)
    data[0x22] = BED
    data[0x23 : 0x23 + len(NAME)] = NAME
    data[0x43 : 0x43 + len(NUMBER)] = NUMBER
    return unit(0x3E, bytes(data))


def cycle(number):
    ecg = bytearray(0x3D3)
    ecg[2] = 0x14
    for at in range(0x004, 0x384):
        ecg[at] = 128 + (at * 7 + number) % 40
    ecg[0x384] = 40 + number // 100 % 100
    ecg[0x386] = 1 + number % 100
    pleth = bytearray(0x114)
    pleth[2] = 0x15
    for at in range(0x004, 0x104):
        pleth[at] = 100 + (at * 3 + number) % 60
    pleth[0x104], pleth[0x106] = 97, 40 + number // 100 % 100
    return unit(0x45, bytes([0, 0, BED, 0xFF])) + unit(0x46, bytes(ecg)) + unit(0x46, bytes(pleth)) + unit(0x47)


def connect():
    while True:
        try:
            link = socket.create_connection((HOST, PORT), timeout=2)
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link.sendall(patient())
            return link
        except OSError:
            time.sleep(0.2)


link = connect()
for number in range(FIRST, FIRST + COUNT):
    started = time.monotonic()
    for attempt in range(2):
        try:
            link.sendall(cycle(number))
            print(number, time.time(), flush=True)
            break
        except OSError:
            link.close()
            link = connect()
    time.sleep(max(0, INTERVAL - (time.monotonic() - started)))
time.sleep(0.3)
link.close()
