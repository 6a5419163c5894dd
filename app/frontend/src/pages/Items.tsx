import { useEffect, useState } from "react";
import { Link } from "react-router";
import type { Fields, Item, Page } from "../api";
import { ConfirmButton } from "../components/ConfirmButton";
import { ItemForm } from "../components/ItemForm";
import { Notice } from "../components/Notice";
import { useClient } from "../session";
import { useTask } from "../useTask";
import { useTitle } from "../useTitle";

const pageSize = 20;
const blank: Fields = { title: "", description: "" };

export function Items() {
  useTitle("Yours");
  const client = useClient();
  const { run, busy, error } = useTask();
  const [page, setPage] = useState<Page>();

  useEffect(() => {
    const leaving = new AbortController();
    void run(async () => {
      setPage(await client.items(0, pageSize, leaving.signal));
    });
    return () => {
      leaving.abort();
    };
  }, [client, run]);

  async function add(fields: Fields): Promise<boolean> {
    let added = false;
    await run(async () => {
      const item = await client.create(fields);
      setPage((p) => ({ data: [item, ...(p?.data ?? [])], count: (p?.count ?? 0) + 1 }));
      added = true;
    });
    return added;
  }

  function remove(item: Item) {
    void run(async () => {
      await client.remove(item.id);
      setPage((p) => p && { data: p.data.filter((i) => i.id !== item.id), count: p.count - 1 });
    });
  }

  function more(shown: Page) {
    void run(async () => {
      const next = await client.items(shown.data.length, pageSize);
      const known = new Set(shown.data.map((i) => i.id));
      setPage({ data: [...shown.data, ...next.data.filter((i) => !known.has(i.id))], count: next.count });
    });
  }

  return (
    <>
      <h1>Your items</h1>
      <Notice error={error} />
      <section className="card" aria-label="New item">
        <ItemForm start={blank} action="Add item" busy={busy} onSubmit={add} />
      </section>
      {page ? <List page={page} busy={busy} onRemove={remove} onMore={more} /> : <Waiting failed={error !== ""} />}
    </>
  );
}

function Waiting({ failed }: { failed: boolean }) {
  return failed ? null : <p className="muted">Loading…</p>;
}

interface ListProps {
  page: Page;
  busy: boolean;
  onRemove: (item: Item) => void;
  onMore: (page: Page) => void;
}

function List({ page, busy, onRemove, onMore }: ListProps) {
  if (page.data.length === 0) return <p className="muted">Nothing here yet. Add your first item above.</p>;
  return (
    <>
      <ul className="items">
        {page.data.map((item) => (
          <li key={item.id} className="card">
            <div>
              <Link to={`/items/${item.id}`}>{item.title}</Link>
              {item.description && <p className="muted">{item.description}</p>}
            </div>
            <ConfirmButton
              label="Delete"
              describes={`Delete ${item.title}`}
              disabled={busy}
              onConfirm={() => {
                onRemove(item);
              }}
            />
          </li>
        ))}
      </ul>
      <p className="muted">
        {page.data.length} of {page.count}{" "}
        {page.data.length < page.count && (
          <button
            type="button"
            className="quiet"
            disabled={busy}
            onClick={() => {
              onMore(page);
            }}
          >
            Show more
          </button>
        )}
      </p>
    </>
  );
}
