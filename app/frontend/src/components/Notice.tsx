/** Says what went wrong, also to screen readers. The place is always there, so that they watch it. */
export function Notice({ error }: { error: string }) {
  return (
    <p role="alert" className={error ? "notice" : undefined}>
      {error}
    </p>
  );
}
