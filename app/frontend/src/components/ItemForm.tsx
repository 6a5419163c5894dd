import { useId, useState, type SubmitEvent } from "react";
import type { Fields } from "../api";

interface Props {
  start: Fields;
  action: string;
  busy: boolean;
  /** resolves to whether the form should be empty again */
  onSubmit: (fields: Fields) => Promise<boolean>;
}

/** Title and description, for a new item or an old one. */
export function ItemForm({ start, action, busy, onSubmit }: Props) {
  const [fields, setFields] = useState(start);
  const id = useId();

  async function submit(event: SubmitEvent) {
    event.preventDefault();
    if (await onSubmit({ ...fields, title: fields.title.trim() })) setFields(start);
  }

  return (
    <form onSubmit={(e) => void submit(e)}>
      <label htmlFor={`${id}-title`}>Title</label>
      <input
        id={`${id}-title`}
        required
        maxLength={255}
        pattern=".*\S.*"
        value={fields.title}
        onChange={(e) => {
          setFields({ ...fields, title: e.target.value });
        }}
      />
      <label htmlFor={`${id}-description`}>
        Description <small>(optional)</small>
      </label>
      <textarea
        id={`${id}-description`}
        rows={2}
        maxLength={2000}
        value={fields.description}
        onChange={(e) => {
          setFields({ ...fields, description: e.target.value });
        }}
      />
      <button type="submit" disabled={busy}>
        {action}
      </button>
    </form>
  );
}
