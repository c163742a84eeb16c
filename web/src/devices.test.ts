import { expect, test } from "vitest";
import { deviceName, readColumns } from "./devices";

const asset = { id: "a-1", addresses: ["10.0.0.1"], maker: null, model: null, class: null };

test("a device is called by what is known of it", () => {
  expect(deviceName({ ...asset, maker: "Contec", model: "CMS8000" })).toBe("Contec CMS8000");
  expect(deviceName({ ...asset, class: "patient-monitor" })).toBe("Patient monitor");
  expect(deviceName(asset)).toBe("10.0.0.1");
  expect(deviceName({ ...asset, addresses: [] })).toBe("a-1");
});

test("columns chosen earlier come again; nonsense gives the usual ones", () => {
  expect(readColumns("device,last,serial")).toEqual(["device", "serial", "last"]);
  expect(readColumns("evil,<b>")).toEqual(readColumns(null));
});
