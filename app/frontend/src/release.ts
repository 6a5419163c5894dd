/** The commit that this page was built from, as the image's build wrote it into the page. */
export function release(): string {
  return document.querySelector<HTMLMetaElement>('meta[name="release"]')?.content ?? "unknown";
}
