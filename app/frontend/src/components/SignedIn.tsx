import { Navigate, Outlet, useLocation } from "react-router";
import { useSession } from "../session";

/** Lets only users through, and brings the others back here once they have signed in. */
export function SignedIn() {
  const { client } = useSession();
  const here = useLocation();
  if (!client) return <Navigate to="/login" replace state={{ from: here.pathname }} />;
  return <Outlet />;
}
