import { cleanup, render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { MemoryRouter } from "react-router";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Fields, Item } from "./api";
import { App } from "./App";
import { SessionProvider } from "./components/SessionProvider";

/** The API's answers over a list in memory. The real one is tested in Go, the pair of them in a browser. */
function fakeApi(titles: string[]) {
  let items = titles.map(item);
  const calls: string[] = [];
  const answer = (body: unknown, status = 200) => Promise.resolve(Response.json(body, { status }));

  function item(title: string): Item {
    const id = `id-of-${title}`;
    return { id, owner_id: "me", title, description: "", created_at: "2026-01-02T03:04:05Z" };
  }

  vi.stubGlobal("fetch", (path: string, init: RequestInit) => {
    const method = init.method ?? "GET";
    calls.push(`${method} ${path}`);
    if (path.endsWith("/login/access-token")) {
      const form = init.body as URLSearchParams;
      if (form.get("password") !== "right") return answer({ detail: "wrong e-mail address or password" }, 401);
      return answer({ access_token: "token", token_type: "bearer" });
    }
    const headers = init.headers as Record<string, string>;
    if (headers["Authorization"] !== "Bearer token") return answer({ detail: "sign in first" }, 401);
    const id = /\/items\/([^?]+)/.exec(path)?.[1];
    const found = items.find((i) => i.id === id);
    if (method === "POST") {
      const made = item((JSON.parse(init.body as string) as Fields).title);
      items = [made, ...items];
      return answer(made, 201);
    }
    if (id === undefined) {
      const query = new URL(path, "http://x").searchParams;
      const skip = Number(query.get("skip"));
      return answer({ data: items.slice(skip, skip + Number(query.get("limit"))), count: items.length });
    }
    if (!found) return answer({ detail: "item not found" }, 404);
    if (method === "DELETE") {
      items = items.filter((i) => i !== found);
      return Promise.resolve(new Response(null, { status: 204 }));
    }
    return answer(found);
  });
  return calls;
}

function visit(path: string, token?: string) {
  if (token) sessionStorage.setItem("session", JSON.stringify({ email: "me@example.com", token }));
  return render(
    <MemoryRouter initialEntries={[path]}>
      <SessionProvider>
        <App />
      </SessionProvider>
    </MemoryRouter>,
  );
}

beforeEach(() => {
  sessionStorage.clear();
  document.head.innerHTML = '<meta name="release" content="0123abcd">';
});
afterEach(cleanup);

test("signing in leads back to the page that was asked for, and survives a reload", async () => {
  fakeApi(["Bread"]);
  const user = userEvent.setup();
  const first = visit("/items/id-of-Bread");
  await user.type(screen.getByLabelText("E-mail address"), "me@example.com");
  await user.type(screen.getByLabelText("Password"), "wrong");
  await user.click(screen.getByRole("button", { name: "Sign in" }));
  expect((await screen.findByText("wrong e-mail address or password")).getAttribute("role")).toBe("alert");
  await user.clear(screen.getByLabelText("Password"));
  await user.type(screen.getByLabelText("Password"), "right");
  await user.click(screen.getByRole("button", { name: "Sign in" }));
  await screen.findByRole("heading", { name: "Bread" });

  first.unmount();
  visit("/items/id-of-Bread");
  await screen.findByRole("heading", { name: "Bread" });
});

test("items are added, listed and, after a second click, deleted", async () => {
  const calls = fakeApi(["Bread"]);
  const user = userEvent.setup();
  visit("/items", "token");
  await screen.findByRole("link", { name: "Bread" });
  await user.type(screen.getByLabelText("Title"), "  Milk ");
  await user.click(screen.getByRole("button", { name: "Add item" }));
  await screen.findByRole("link", { name: "Milk" });
  expect(screen.getByLabelText<HTMLInputElement>("Title").value).toBe("");

  await user.click(screen.getByRole("button", { name: "Delete Bread" }));
  expect(calls.some((c) => c.startsWith("DELETE"))).toBe(false);
  await user.click(screen.getByRole("button", { name: "Really Delete Bread?" }));
  await waitFor(() => {
    expect(screen.queryByRole("link", { name: "Bread" })).toBeNull();
  });
  expect(calls).toContain("DELETE /api/v1/items/id-of-Bread");
});

test("a long list comes in pages", async () => {
  fakeApi(Array.from({ length: 25 }, (_, i) => `Item ${String(i)}`));
  visit("/items", "token");
  await userEvent.click(await screen.findByRole("button", { name: "Show more" }));
  await screen.findByText("25 of 25");
  expect(within(screen.getByRole("list")).getAllByRole("listitem")).toHaveLength(25);
});

test("an expired token leads to the login", async () => {
  fakeApi([]);
  visit("/items", "expired");
  await screen.findByRole("heading", { name: "Sign in" });
  expect(sessionStorage.getItem("session")).toBeNull();
});

test("an item that is not there says so", async () => {
  fakeApi([]);
  visit("/items/nothing", "token");
  await screen.findByText("item not found");
});

test("a server that cannot be reached says so", async () => {
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("failed")));
  visit("/items", "token");
  await screen.findByText(/cannot be reached/);
});

test("every page shows its release", () => {
  fakeApi([]);
  visit("/nowhere");
  expect(screen.getByRole("heading", { name: "There is no such page" })).toBeDefined();
  expect(screen.getByText("0123abcd")).toBeDefined();
});
