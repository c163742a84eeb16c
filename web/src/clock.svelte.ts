/** The time of day, as state: what is told as `5 min ago` grows old by itself. */
const EVERY_MS = 15_000;

class Clock {
  now = $state(Date.now());
  constructor() {
    setInterval(() => (this.now = Date.now()), EVERY_MS);
  }
}

export const clock = new Clock();
