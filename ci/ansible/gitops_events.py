# Writes what happened in a playbook run as JSON lines to the file named by
# GITOPS_EVENTS, beside the usual output for people. The gitops command puts this
# file into a run's temporary folder and reads the lines afterwards.
from __future__ import annotations

DOCUMENTATION = """
name: gitops_events
type: aggregate
short_description: record task results as JSON lines
description:
  - Appends one JSON object for each task result, each finished task and each host's totals.
requirements:
  - GITOPS_EVENTS names the file to append to.
"""

import json
import os
import time

from ansible.plugins.callback import CallbackBase

LIMIT = 4000  # characters of one message


def part(result, name):
    """Returns an attribute of a task result under its new or its old name."""
    return getattr(result, name) if hasattr(result, name) else getattr(result, "_" + name)


def message(result):
    """Returns what a person needs of a failed result, without what must stay secret."""
    if result.get("_ansible_no_log") or result.get("censored"):
        return "its output is hidden, because the task handles a secret (no_log)"
    failed = [r for r in result.get("results", []) if isinstance(r, dict) and (r.get("failed") or r.get("unreachable"))]
    if failed:
        one = failed[0]
        item = one.get("_ansible_item_label", one.get("item"))
        return "item %s: %s" % (item, message(one)) if item is not None else message(one)
    texts = [str(result[key]).strip() for key in ("msg", "stderr", "module_stderr") if result.get(key)]
    if not texts:
        texts = [str(result[key]).strip() for key in ("stdout", "module_stdout") if result.get(key)]
    unique = [text for i, text in enumerate(texts) if text and not any(text in other for other in texts[:i])]
    return "\n".join(unique)[-LIMIT:]


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "gitops_events"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.out = open(os.environ["GITOPS_EVENTS"], "a", encoding="utf-8")
        self.begun = None
        self.changed = False

    def emit(self, **event):
        self.out.write(json.dumps(event) + "\n")
        self.out.flush()

    def begin(self, task):
        self.end()
        self.begun = (task.get_name().strip(), time.monotonic())
        self.changed = False

    def end(self):
        if self.begun is not None:
            name, begun = self.begun
            self.emit(event="task", task=name, changed=self.changed, seconds=round(time.monotonic() - begun, 3))
        self.begun = None

    def result(self, result, status, ignored=False):
        told = part(result, "result")
        if told.get("changed"):
            self.changed = True
        event = {"event": "result", "task": part(result, "task").get_name().strip(), "host": part(result, "host").get_name(), "status": status}
        if ignored:
            event["ignored"] = True
        if status in ("failed", "unreachable"):
            event["message"] = message(told)
        self.emit(**event)

    def v2_playbook_on_task_start(self, task, is_conditional):
        self.begin(task)

    def v2_playbook_on_handler_task_start(self, task):
        self.begin(task)

    def v2_runner_on_ok(self, result):
        self.result(result, "ok")

    def v2_runner_on_skipped(self, result):
        self.result(result, "skipped")

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self.result(result, "failed", ignore_errors)

    def v2_runner_on_unreachable(self, result):
        self.result(result, "unreachable")

    def v2_playbook_on_stats(self, stats):
        self.end()
        for host in sorted(stats.processed):
            self.emit(event="host", host=host, totals=stats.summarize(host))
