"""A monitor that asks for names, the time and its address, and what arrives on its cable.

    asker.py listen INTERFACE FILE        appends each IP frame that arrives as a line of JSON, until it is killed
    asker.py dns SERVER NAME TYPE         prints the outcome and addresses as JSON, or null
    asker.py ntp SERVER                   prints stratum and whether it answers this question as JSON, or null
    asker.py dhcp INTERFACE               sends a discover that wants a broadcast answer; prints the offered address, or null

Written from RFC 1035, 5905 and 2131 alone.
"""

import json
import os
import socket
import struct
import sys
import time

WAIT = 5


def text(mac):
    return ":".join(f"{byte:02x}" for byte in mac)


def listen(interface, file):
    link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
    link.bind((interface, 0x0003))
    with open(file, "a", encoding="ascii") as out:
        print("listening", flush=True)
        while True:
            frame, about = link.recvfrom(65535)
            if about[2] == socket.PACKET_OUTGOING or frame[12:14] != b"\x08\x00":
                continue
            head = (frame[14] & 15) * 4
            row = {
                "mac": text(frame[:6]), "protocol": frame[23], "source": socket.inet_ntoa(frame[26:30]),
                "target": socket.inet_ntoa(frame[30:34]),
            }
            if row["protocol"] == 6:
                whole = struct.unpack("!H", frame[16:18])[0]
                row["payload"] = whole - head - (frame[14 + head + 12] >> 4) * 4
            if row["protocol"] == 17:
                row["ports"] = struct.unpack("!HH", frame[14 + head : 18 + head])
            out.write(json.dumps(row) + "\n")
            out.flush()


def ask(server, port, question):
    link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    link.settimeout(WAIT)
    link.connect((server, port))
    link.send(question)
    try:
        return link.recv(4096)
    except OSError:
        return None


def dns(server, name, kind):
    own = os.urandom(2)
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
    question = labels + struct.pack("!HH", int(kind), 1)
    answer = ask(server, 53, own + struct.pack("!HHHHH", 0x0100, 1, 0, 0, 0) + question)
    if answer is None:
        return None
    # Names are equal whatever their case (RFC 4343); lengths and types hold no letters.
    assert answer[:2] == own and answer[12 : 12 + len(question)] == question.lower(), answer
    _, flags, _, count, _, more = struct.unpack("!6H", answer[:12])
    at, addresses = 12 + len(question), []
    for _ in range(count):
        assert answer[at : at + 6] == b"\xc0\x0c\0\x01\0\x01", answer
        addresses.append(socket.inet_ntoa(answer[at + 12 : at + 16]))
        at += 16
    assert at == len(answer) and more == 0, answer
    return {"outcome": flags & 15, "addresses": addresses}


def ntp(server):
    own = os.urandom(8)
    answer = ask(server, 123, b"\x23" + bytes(39) + own)
    if answer is None:
        return None
    return {"stratum": answer[1], "own": answer[24:32] == own, "bytes": len(answer)}


def dhcp(interface):
    with open(f"/sys/class/net/{interface}/address", encoding="ascii") as file:
        mac = bytes.fromhex(file.read().strip().replace(":", ""))
    xid = os.urandom(4)
    message = b"\x01\x01\x06\0" + xid + b"\0\0\x80\0" + bytes(16) + mac + bytes(202)
    message += b"\x63\x82\x53\x63\x35\x01\x01\xff"
    datagram = struct.pack("!HHHH", 68, 67, 8 + len(message), 0) + message
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(datagram), 7, 0, 64, 17, 0, bytes(4), b"\xff" * 4)
    total = sum(struct.unpack("!10H", head))
    total = (total & 0xFFFF) + (total >> 16)
    head = head[:10] + struct.pack("!H", ~total & 0xFFFF) + head[12:]
    link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
    link.bind((interface, 0x0800))
    link.send(b"\xff" * 6 + mac + b"\x08\0" + head + datagram)
    end = time.monotonic() + WAIT
    while (left := end - time.monotonic()) > 0:
        link.settimeout(left)
        try:
            frame, about = link.recvfrom(65535)
        except OSError:
            return None
        # To port 68, of this exchange.
        if about[2] != socket.PACKET_OUTGOING and frame[36:38] == b"\0\x44" and frame[46:50] == xid:
            return socket.inet_ntoa(frame[58:62])
    return None


if sys.argv[1] == "listen":
    listen(*sys.argv[2:])
print(json.dumps({"dns": dns, "ntp": ntp, "dhcp": dhcp}[sys.argv[1]](*sys.argv[2:])))
