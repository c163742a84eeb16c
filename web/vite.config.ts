import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [svelte()],
  build: {
    outDir: process.env.LAZARET_WEB_DIST ?? "dist",
    emptyOutDir: true,
    target: "es2022",
    // Nothing in line: the policy of the server's answers forbids it.
    assetsInlineLimit: 0,
    reportCompressedSize: false,
  },
  server: {
    // `lazaret serve --no-tls --listen 127.0.0.1:8088`, and `npm run dev` in front of it.
    proxy: { "/api": { target: process.env.LAZARET_API ?? "http://127.0.0.1:8088", ws: true } },
  },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
