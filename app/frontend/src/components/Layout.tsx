import { Link, Outlet } from "react-router";
import { release } from "../release";
import { useSession } from "../session";

/** What every page has around it. */
export function Layout() {
  const { client, email, signOut } = useSession();
  const sha = release();
  return (
    <>
      <a className="skip" href="#main">
        Skip to content
      </a>
      <header>
        <Link className="brand" to="/items">
          Items
        </Link>
        {client && (
          <div className="who">
            <span>{email}</span>
            <button type="button" className="quiet" onClick={signOut}>
              Sign out
            </button>
          </div>
        )}
      </header>
      <main id="main">
        <Outlet />
      </main>
      <footer>
        <span>
          Release <code title={sha}>{sha}</code>
        </span>
        <nav aria-label="API documentation">
          <a href="/docs">API</a> <a href="/redoc">Reference</a>
        </nav>
      </footer>
    </>
  );
}
