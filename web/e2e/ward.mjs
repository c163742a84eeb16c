// A capture full of hostile names, written by hand: hosts that call themselves markup, scripts and formulas.
import { writeFileSync } from "node:fs";

/** What must never become markup; each runs, or is seen, where it does. */
export const HOSTILE = [
  "<img src=x onerror=window.pwned=1>",
  "<script>window.pwned=2</script>",
  "\"><svg onload=window.pwned=3>",
  "javascript:window.pwned=4",
  "</title><b>pwned</b>{{7*7}}${7*7}",
  "=cmd|' /C calc'!A0",
];

const u16 = (value) => Buffer.from([(value >> 8) & 255, value & 255]);
const mac = (last) => Buffer.from([0x02, 0x00, 0x5e, 0x10, 0x00, last]);
const ip = (text) => Buffer.from(text.split(".").map(Number));

function sum(bytes) {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += (bytes[at] << 8) | (bytes[at + 1] ?? 0);
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return u16(~sum & 0xffff);
}

function frame(from, to, source, target, protocol, payload) {
  const head = Buffer.concat([Buffer.from([0x45, 0]), u16(20 + payload.length), Buffer.from([0, 1, 0, 0, 64, protocol, 0, 0]), ip(source), ip(target)]);
  sum(head).copy(head, 10);
  return Buffer.concat([to, from, u16(0x0800), head, payload]);
}

/** A DHCP request (RFC 2131) with a host name (option 12) and a vendor class (option 60). */
function dhcp(at, name) {
  const option = (code, bytes) => Buffer.concat([Buffer.from([code, bytes.length]), bytes]);
  const text = Buffer.from(name, "latin1").subarray(0, 255);
  const fixed = Buffer.alloc(236);
  fixed.set([1, 1, 6, 0, 0, 0, 0, at], 0);
  ip(`10.77.0.${at}`).copy(fixed, 12);
  mac(at).copy(fixed, 28);
  const options = [option(53, Buffer.from([3])), option(12, text), option(60, text), option(50, ip(`10.77.0.${at}`)), Buffer.from([255])];
  const body = Buffer.concat([fixed, Buffer.from([0x63, 0x82, 0x53, 0x63]), ...options]);
  const udp = Buffer.concat([u16(68), u16(67), u16(8 + body.length), u16(0), body]);
  return frame(mac(at), Buffer.alloc(6, 255), `10.77.0.${at}`, "255.255.255.255", 17, udp);
}

/** One segment of TCP. */
function tcp(at, out, seq, ack, flags, payload = Buffer.alloc(0)) {
  const [device, server] = [`10.77.0.${at}`, "10.77.0.250"];
  const ports = out ? [50_000 + at, 2575] : [2575, 50_000 + at];
  const numbers = Buffer.alloc(8);
  numbers.writeUInt32BE(seq, 0);
  numbers.writeUInt32BE(ack, 4);
  const segment = Buffer.concat([u16(ports[0]), u16(ports[1]), numbers, Buffer.from([0x50, flags]), u16(64_000), u16(0), u16(0), payload]);
  return out ? frame(mac(at), mac(250), device, server, 6, segment) : frame(mac(250), mac(at), server, device, 6, segment);
}

/** An HL7 message (MLLP) whose sending application and device are hostile. */
function hl7(at, name) {
  const field = name.replace(/[|^~\\&\r]/g, " ");
  const message = `MSH|^~\\&|${field}|WARD|CENTRAL|HOSP|20260101000000||ORU^R01|${at}|P|2.6\rPID|||1\rOBR|1|||1\rOBX|1|NM|147842^${field}^MDC||72|/min|||||F||||||${field}\r`;
  const body = Buffer.concat([Buffer.from([0x0b]), Buffer.from(message, "latin1"), Buffer.from([0x1c, 0x0d])]);
  return [
    tcp(at, true, 100, 0, 0x02),
    tcp(at, false, 500, 101, 0x12),
    tcp(at, true, 101, 501, 0x10),
    tcp(at, true, 101, 501, 0x18, body),
    tcp(at, false, 501, 101 + body.length, 0x10),
  ];
}

/** Writes it as pcap. */
export function writeHostileWard(path) {
  const head = Buffer.alloc(24);
  head.writeUInt32LE(0xa1b2c3d4, 0);
  head.writeUInt16LE(2, 4);
  head.writeUInt16LE(4, 6);
  head.writeUInt32LE(65_535, 16);
  head.writeUInt32LE(1, 20);
  const frames = HOSTILE.flatMap((name, at) => [dhcp(at + 1, name), ...hl7(at + 1, name)]);
  const records = frames.map((bytes, at) => {
    const record = Buffer.alloc(16);
    record.writeUInt32LE(1_767_225_600 + at, 0);
    record.writeUInt32LE(bytes.length, 8);
    record.writeUInt32LE(bytes.length, 12);
    return Buffer.concat([record, bytes]);
  });
  writeFileSync(path, Buffer.concat([head, ...records]));
}
