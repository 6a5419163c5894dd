import { useCallback, useMemo, useState, type ReactNode } from "react";
import { Client, login } from "../api";
import { SessionContext } from "../session";

/** The browser forgets the token with the tab, but not on a reload. */
const store = "session";

interface Stored {
  email: string;
  token: string;
}

function restore(): Stored | undefined {
  try {
    const saved = JSON.parse(sessionStorage.getItem(store) ?? "null") as Stored | null;
    return saved ?? undefined;
  } catch {
    return undefined;
  }
}

export function SessionProvider({ children }: { children: ReactNode }) {
  const [stored, setStored] = useState(restore);

  const signIn = useCallback(async (email: string, password: string) => {
    const next = { email, token: await login(email, password) };
    sessionStorage.setItem(store, JSON.stringify(next));
    setStored(next);
  }, []);

  const signOut = useCallback(() => {
    sessionStorage.removeItem(store);
    setStored(undefined);
  }, []);

  const session = useMemo(
    () => ({
      client: stored && new Client(stored.token),
      email: stored?.email ?? "",
      signIn,
      signOut,
    }),
    [stored, signIn, signOut],
  );
  return <SessionContext value={session}>{children}</SessionContext>;
}
