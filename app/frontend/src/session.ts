import { createContext, useContext } from "react";
import type { Client } from "./api";

/** Who is signed in, for all pages. */
export interface Session {
  /** undefined while nobody is signed in */
  client: Client | undefined;
  email: string;
  signIn: (email: string, password: string) => Promise<void>;
  signOut: () => void;
}

export const SessionContext = createContext<Session | undefined>(undefined);

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error("useSession outside of SessionProvider");
  return session;
}

/** The client of the user who is signed in, on pages that nobody else sees. */
export function useClient(): Client {
  const { client } = useSession();
  if (!client) throw new Error("useClient while nobody is signed in");
  return client;
}
