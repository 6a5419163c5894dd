import { useEffect, useState } from "react";
import { Link, useNavigate, useParams } from "react-router";
import type { Fields, Item } from "../api";
import { ConfirmButton } from "../components/ConfirmButton";
import { ItemForm } from "../components/ItemForm";
import { Notice } from "../components/Notice";
import { useClient } from "../session";
import { useTask } from "../useTask";
import { useTitle } from "../useTitle";

export function ItemPage() {
  const { id = "" } = useParams();
  const client = useClient();
  const { run, busy, error } = useTask();
  const [item, setItem] = useState<Item>();
  const [saved, setSaved] = useState(false);
  const navigate = useNavigate();
  useTitle(item?.title ?? "Item");

  useEffect(() => {
    const leaving = new AbortController();
    void run(async () => {
      setItem(await client.item(id, leaving.signal));
    });
    return () => {
      leaving.abort();
    };
  }, [client, id, run]);

  async function save(fields: Fields): Promise<boolean> {
    setSaved(false);
    await run(async () => {
      setItem(await client.update(id, fields));
      setSaved(true);
    });
    return false;
  }

  function remove() {
    void run(async () => {
      await client.remove(id);
      await navigate("/items");
    });
  }

  return (
    <>
      <p>
        <Link to="/items">← All items</Link>
      </p>
      <h1>{item?.title ?? "Item"}</h1>
      <Notice error={error} />
      {item && (
        <section className="card">
          <p className="muted">
            Added <time dateTime={item.created_at}>{new Date(item.created_at).toLocaleString()}</time>
          </p>
          <ItemForm
            key={item.id}
            start={{ title: item.title, description: item.description }}
            action="Save"
            busy={busy}
            onSubmit={save}
          />
          <p role="status" className="muted">
            {saved ? "Saved." : ""}
          </p>
          <ConfirmButton label="Delete" describes={`Delete ${item.title}`} disabled={busy} onConfirm={remove} />
        </section>
      )}
    </>
  );
}
