import { useState } from "react";

interface Props {
  label: string;
  /** what screen readers hear instead of the label */
  describes: string;
  disabled: boolean;
  onConfirm: () => void;
}

/** A button that asks once more before it acts. Looking elsewhere means no. */
export function ConfirmButton({ label, describes, disabled, onConfirm }: Props) {
  const [asking, setAsking] = useState(false);
  return (
    <button
      type="button"
      className={asking ? "danger" : "quiet"}
      aria-label={asking ? `Really ${describes}?` : describes}
      disabled={disabled}
      onBlur={() => {
        setAsking(false);
      }}
      onClick={() => {
        if (asking) onConfirm();
        setAsking(!asking);
      }}
    >
      {asking ? "Really?" : label}
    </button>
  );
}
