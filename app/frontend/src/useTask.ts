import { useCallback, useState } from "react";
import { ApiError } from "./api";
import { useSession } from "./session";

/** Runs one thing at a time, keeps its error for the page, and signs out when the token has expired. */
export function useTask() {
  const { client, signOut } = useSession();
  const signedIn = client !== undefined;
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");

  const run = useCallback(
    async (task: () => Promise<void>) => {
      setBusy(true);
      setError("");
      try {
        await task();
      } catch (cause) {
        if (cause instanceof DOMException && cause.name === "AbortError") return;
        if (signedIn && cause instanceof ApiError && cause.status === 401) {
          signOut();
          return;
        }
        setError(cause instanceof Error ? cause.message : String(cause));
      } finally {
        setBusy(false);
      }
    },
    [signedIn, signOut],
  );
  return { run, busy, error };
}
