"""A central station that takes HL7 v2 over MLLP (MLLP release 2), or FHIR transactions, or raw bytes.

    receiver.py mllp  ADDRESS PORT FILE               appends each message as a line of JSON {time, text}, acknowledges with AA
    receiver.py mllps ADDRESS PORT FILE CERT KEY CA   the same over TLS, for clients with a certificate of that CA
    receiver.py fhir  ADDRESS PORT FILE CERT KEY CA   FHIR R4 transactions to /r4: appends each that made something
    receiver.py raw   ADDRESS PORT FILE               appends what it is sent, and says something itself

The FHIR server wants lazaret:secret, and now and then loses an answer after it did what was asked.
"""

import base64
import http.server
import json
import os
import socket
import ssl
import sys
import threading
import time

HOW, ADDRESS, PORT, FILE = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
lock = threading.Lock()
known = set()


class Server(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    requests = 0

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"{}"):
        self.send_response(status)
        self.send_header("Content-Type", "application/fhir+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        bundle = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers["Authorization"] != "Basic " + base64.b64encode(b"lazaret:secret").decode():
            return self.answer(401)
        if self.path != "/r4" or self.headers["Content-Type"] != "application/fhir+json":
            return self.answer(404)
        with lock:
            rows = made(bundle)
            Server.requests += 1
            if Server.requests % 7 == 0:
                self.close_connection = True
                return None
        return self.answer(200, json.dumps({"resourceType": "Bundle", "type": "transaction-response", "entry": rows}).encode())


def made(bundle):
    assert bundle["resourceType"] == "Bundle" and bundle["type"] == "transaction"
    rows, new = [], []
    for entry in bundle["entry"]:
        request, resource = entry["request"], entry["resource"]
        assert request["method"] == "POST" and request["url"] == resource["resourceType"]
        one = request["ifNoneExist"]
        own = resource["identifier"][0]
        assert one == "identifier=" + own["system"] + "|" + own["value"]
        rows.append({"response": {"status": "200" if one in known else "201"}})
        if one not in known and resource["resourceType"] == "Observation":
            new.append(resource)
        known.add(one)
    if new:
        with open(FILE, "a") as out:
            out.write(json.dumps({"time": time.time(), "resources": new, "known": sorted(known)}) + "\n")
    return rows


def take(link):
    kept = b""
    if HOW == "raw":
        link.sendall(b"the station speaks")
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


tls = None
if HOW in ("mllps", "fhir"):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(sys.argv[5], sys.argv[6])
    tls.load_verify_locations(sys.argv[7])
    tls.verify_mode = ssl.CERT_REQUIRED
if HOW == "fhir":
    if os.path.exists(FILE):
        known.update(json.loads(list(open(FILE))[-1])["known"])
    server = http.server.ThreadingHTTPServer((ADDRESS, PORT), Server)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    print("listening", flush=True)
    server.serve_forever()
listener = socket.create_server((ADDRESS, PORT))
print("listening", flush=True)
while True:
    link, _ = listener.accept()
    if tls:
        try:
            link = tls.wrap_socket(link, server_side=True)
        except OSError:
            continue
    threading.Thread(target=take, args=(link,), daemon=True).start()
