import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// In development Vite stands where Traefik stands in production: page and API share an origin.
const backend = process.env["BACKEND_URL"] ?? "http://localhost:8000";
const toBackend = Object.fromEntries(
  ["/api/v1", "/docs", "/redoc", "/openapi.json"].map((path) => [path, { target: backend }]),
);

export default defineConfig({
  plugins: [react()],
  build: { sourcemap: false, assetsInlineLimit: 0 },
  server: { port: 5173, strictPort: true, proxy: toBackend },
  test: { environment: "jsdom", restoreMocks: true, unstubGlobals: true },
});
