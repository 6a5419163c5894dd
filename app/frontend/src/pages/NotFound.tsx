import { Link } from "react-router";
import { useTitle } from "../useTitle";

export function NotFound() {
  useTitle("Not found");
  return (
    <>
      <h1>There is no such page</h1>
      <p>
        <Link to="/items">Go to your items</Link>
      </p>
    </>
  );
}
