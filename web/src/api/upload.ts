/** Sending a capture, with progress: `fetch` tells none, so this is the older interface. */
import { csrfHeader, Problem, read, unreachable } from "./call";
import type { ScanRow } from "./shapes";

export interface Upload {
  done: Promise<ScanRow>;
  abort: () => void;
}

export function upload(file: File, progress: (sent: number, total: number) => void): Upload {
  const request = new XMLHttpRequest();
  const done = new Promise<ScanRow>((resolve, reject) => {
    request.upload.onprogress = (event) => progress(event.loaded, event.total);
    request.onerror = () => reject(unreachable());
    request.onabort = () => reject(new Problem(0, "aborted", "", ""));
    request.onload = () => {
      if (request.status === 202) resolve(JSON.parse(request.responseText) as ScanRow);
      else reject(read(request.status, request.responseText));
    };
  });
  request.open("POST", `/api/v1/captures?name=${encodeURIComponent(file.name)}`);
  request.setRequestHeader("Content-Type", "application/octet-stream");
  for (const [name, value] of Object.entries(csrfHeader())) request.setRequestHeader(name, value);
  request.send(file);
  return { done, abort: () => request.abort() };
}
