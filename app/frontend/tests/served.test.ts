// @vitest-environment node
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const here = join(import.meta.dirname, "..");
const release = "0123456789abcdef0123456789abcdef01234567";
const hasNginx = spawnSync("nginx", ["-v"]).status === 0;

/** A folder as the build leaves it. */
function built(): string {
  const dist = mkdtempSync(join(tmpdir(), "dist-"));
  chmodSync(dist, 0o755); // nginx's workers are somebody else
  mkdirSync(join(dist, "assets"));
  writeFileSync(join(dist, "index.html"), readFileSync(join(here, "index.html")));
  writeFileSync(join(dist, "assets", "app-1a2b.js"), "console.log('app');".repeat(200));
  return dist;
}

function stamp(...args: string[]) {
  return spawnSync("node", [join(here, "scripts", "stamp.mjs"), ...args], { encoding: "utf8" });
}

describe("stamp", () => {
  test("writes the release, and the same time everywhere", () => {
    const dist = built();
    expect(stamp(dist, release, "1700000000").status).toBe(0);
    expect(readFileSync(join(dist, "index.html"), "utf8")).toContain(`<meta name="release" content="${release}"`);
    for (const path of ["", "index.html", "assets", "assets/app-1a2b.js"]) {
      expect(statSync(join(dist, path)).mtimeMs).toBe(1700000000000);
    }
  });

  test("refuses what would break the page", () => {
    const dist = built();
    for (const bad of ['"><script>', "", "a b"]) expect(stamp(dist, bad, "0").status).toBe(2);
    writeFileSync(join(dist, "index.html"), "<html></html>");
    expect(stamp(dist, release, "0").status).toBe(1);
  });
});

describe.skipIf(!hasNginx)(hasNginx ? "nginx" : "nginx (needs nginx)", () => {
  let server: ChildProcess;
  let base: string;
  let dir: string;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), "nginx-"));
    chmodSync(dir, 0o755);
    const dist = built();
    stamp(dist, release, "0");
    const port = await freePort();
    base = `http://127.0.0.1:${String(port)}`;
    const ours = readFileSync(join(here, "nginx.default.conf"), "utf8")
      .replace("listen 8080;", `listen 127.0.0.1:${String(port)};`)
      .replace("/usr/share/nginx/html", dist)
      .replace("/dev/stdout json", `${dir}/access.log json`)
      .replace("/tmp/draining", `${dir}/draining`);
    writeFileSync(
      join(dir, "nginx.conf"),
      `pid ${dir}/pid; error_log stderr; daemon off; events {}
       http { types { text/html html; text/javascript js; image/svg+xml svg; } ${ours} }`,
    );
    server = spawn("nginx", ["-c", join(dir, "nginx.conf"), "-p", dir], { stdio: "ignore" });
    for (let i = 0; i < 100; i++) {
      if (await fetch(`${base}/healthz`).then((r) => r.ok, () => false)) return;
      await pause(50);
    }
    throw new Error("nginx does not answer");
  });

  afterAll(async () => {
    const ended = new Promise((done) => server.once("exit", done));
    server.kill("SIGTERM");
    await ended;
    rmSync(dir, { recursive: true });
  });

  test.each(["/", "/login", "/items", "/items/3b5d0f0e-7a46-4a0c-9f0e-4b5a3c2d1e0f", "/index.html"])(
    "%s is the page, and always fresh",
    async (path) => {
      const response = await fetch(base + path);
      expect(response.status).toBe(200);
      expect(await response.text()).toContain(release);
      expect(response.headers.get("cache-control")).toBe("no-cache");
      expect(response.headers.get("etag")).toBeNull();
      expect(response.headers.get("content-security-policy")).toContain("default-src 'self'");
      expect(response.headers.get("x-content-type-options")).toBe("nosniff");
      expect(response.headers.get("server")).toBe("nginx");
      const again = await fetch(base + path, { headers: { "if-modified-since": new Date(0).toUTCString() } });
      expect(again.status).toBe(200);
    },
  );

  test("an asset is kept for good, and compressed", async () => {
    const response = await fetch(`${base}/assets/app-1a2b.js`);
    expect(response.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
    expect(response.headers.get("content-encoding")).toBe("gzip");
    expect(response.headers.get("content-type")).toMatch(/javascript/);
  });

  test.each(["/assets/app-0000.js", "/assets/", "/logo.png", "/robots.txt"])("%s is missing, not the page", async (path) => {
    const response = await fetch(base + path);
    expect([403, 404]).toContain(response.status);
    expect(await response.text()).not.toContain(release);
    expect(response.headers.get("cache-control")).toBeNull();
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
  });

  test("health follows the drain file", async () => {
    expect((await fetch(`${base}/healthz`)).status).toBe(200);
    writeFileSync(join(dir, "draining"), "");
    expect((await fetch(`${base}/healthz`)).status).toBe(503);
    expect((await fetch(`${base}/items`)).status).toBe(200);
  });
});

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => {
        resolve(port);
      });
    });
  });
}
