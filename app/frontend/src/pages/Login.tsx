import { useState, type SubmitEvent } from "react";
import { Navigate, useLocation } from "react-router";
import { Notice } from "../components/Notice";
import { useSession } from "../session";
import { useTask } from "../useTask";
import { useTitle } from "../useTitle";

export function Login() {
  useTitle("Sign in");
  const { client, signIn } = useSession();
  const { run, busy, error } = useTask();
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const state = useLocation().state as { from?: string } | null;
  if (client) return <Navigate to={state?.from ?? "/items"} replace />;

  function submit(event: SubmitEvent) {
    event.preventDefault();
    void run(() => signIn(email.trim(), password));
  }

  return (
    <section className="narrow card">
      <h1>Sign in</h1>
      <Notice error={error} />
      <form onSubmit={submit}>
        <label htmlFor="email">E-mail address</label>
        <input
          id="email"
          type="email"
          autoComplete="username"
          required
          value={email}
          onChange={(e) => {
            setEmail(e.target.value);
          }}
        />
        <label htmlFor="password">Password</label>
        <input
          id="password"
          type="password"
          autoComplete="current-password"
          required
          value={password}
          onChange={(e) => {
            setPassword(e.target.value);
          }}
        />
        <button type="submit" disabled={busy}>
          {busy ? "Signing in…" : "Sign in"}
        </button>
      </form>
    </section>
  );
}
