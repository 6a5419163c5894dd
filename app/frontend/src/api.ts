/** The API as the pages use it. Page and API share an origin, so paths are enough. */
const base = "/api/v1";

export interface User {
  id: string;
  email: string;
  full_name: string;
  is_superuser: boolean;
}

export interface Item {
  id: string;
  owner_id: string;
  title: string;
  description: string;
  created_at: string;
}

export interface Page {
  data: Item[];
  count: number;
}

export interface Fields {
  title: string;
  description: string;
}

/** What the API answered instead of what was asked for. */
export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = "ApiError";
    this.status = status;
  }
}

interface Problem {
  detail?: string;
  errors?: { message?: string; location?: string }[];
}

/** The problem's own words, with the field that they are about. */
function explain(problem: Problem, status: number): string {
  const fields = (problem.errors ?? []).map((e) =>
    [e.location?.replace(/^body\./, ""), e.message].filter(Boolean).join(": "),
  );
  if (fields.length > 0) return fields.join("; ");
  return problem.detail ?? `The server answered ${String(status)}.`;
}

async function send(path: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(base + path, init);
  } catch (cause) {
    if (init.signal?.aborted) throw cause;
    throw new ApiError(0, "The server cannot be reached. Try again in a moment.");
  }
  if (!response.ok) {
    const problem = (await response.json().catch(() => ({}))) as Problem;
    throw new ApiError(response.status, explain(problem, response.status));
  }
  return response;
}

/** Exchanges an e-mail address and a password for an access token. */
export async function login(username: string, password: string): Promise<string> {
  const body = new URLSearchParams({ grant_type: "password", username, password });
  const response = await send("/login/access-token", { method: "POST", body });
  return ((await response.json()) as { access_token: string }).access_token;
}

/** The operations of a user who is signed in. */
export class Client {
  private readonly token: string;

  constructor(token: string) {
    this.token = token;
  }

  me(signal?: AbortSignal): Promise<User> {
    return this.ask("GET", "/users/me", undefined, signal);
  }

  items(skip: number, limit: number, signal?: AbortSignal): Promise<Page> {
    return this.ask("GET", `/items?skip=${String(skip)}&limit=${String(limit)}`, undefined, signal);
  }

  item(id: string, signal?: AbortSignal): Promise<Item> {
    return this.ask("GET", `/items/${encodeURIComponent(id)}`, undefined, signal);
  }

  create(fields: Fields): Promise<Item> {
    return this.ask("POST", "/items", fields);
  }

  update(id: string, fields: Fields): Promise<Item> {
    return this.ask("PUT", `/items/${encodeURIComponent(id)}`, fields);
  }

  async remove(id: string): Promise<void> {
    await this.request("DELETE", `/items/${encodeURIComponent(id)}`);
  }

  private async ask<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
    const response = await this.request(method, path, body, signal);
    return (await response.json()) as T;
  }

  private request(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
    const headers: Record<string, string> = { Authorization: `Bearer ${this.token}` };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    return send(path, {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
      signal: signal ?? null,
    });
  }
}
