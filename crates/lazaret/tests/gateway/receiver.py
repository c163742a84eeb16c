"""A central station that takes HL7 v2 over MLLP (MLLP release 2), or raw bytes.

    receiver.py mllp ADDRESS PORT FILE    appends each message as a line of JSON {time, text}, acknowledges with AA
    receiver.py raw  ADDRESS PORT FILE    appends what it is sent
"""

import json
import socket
import sys
import threading
import time

HOW, ADDRESS, PORT, FILE = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
lock = threading.Lock()


def take(link):
    kept = b""
    while data := link.recv(65536):
        if HOW == "raw":
            with lock, open(FILE, "ab") as out:
                out.write(data)
            continue
        kept += data
        while b"\x1c\r" in kept:
            message, kept = kept.split(b"\x1c\r", 1)
            message = message.lstrip(b"\x0b")
            line = json.dumps({"time": time.time(), "text": message.decode()})
            with lock, open(FILE, "a") as out:
                out.write(line + "\n")
            number = message.split(b"|")[9]
            link.sendall(b"\x0bMSH|^~\\&|WARD||||||ACK|1|P|2.6\rMSA|AA|" + number + b"\r\x1c\r")


listener = socket.create_server((ADDRESS, PORT))
print("listening", flush=True)
while True:
    link, _ = listener.accept()
    threading.Thread(target=take, args=(link,), daemon=True).start()
