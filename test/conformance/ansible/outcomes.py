# Owns what a run of a playbook says to the suite: one JSON line for each task.

DOCUMENTATION = """
name: outcomes
type: stdout
short_description: one JSON line for each task
description: For programs.
"""

import json

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "outcomes"

    def _say(self, outcome, result):
        facts = result._result
        said = [facts.get(name) for name in ("msg", "error", "exception", "assertion")]
        said += [one.get("msg") for one in facts.get("results", []) if isinstance(one, dict) and one.get("failed")]
        line = {
            "task": result._task.name,
            "module": result._task.action,
            "outcome": "changed" if outcome == "ok" and facts.get("changed") else outcome,
            "message": " | ".join(str(one) for one in said if one),
        }
        self._display.display(json.dumps(line))

    def v2_runner_on_ok(self, result):
        self._say("ok", result)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._say("failed", result)

    def v2_runner_on_unreachable(self, result):
        self._say("failed", result)

    def v2_runner_on_skipped(self, result):
        self._say("skipped", result)
