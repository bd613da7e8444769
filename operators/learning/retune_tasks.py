"""The tasks of a retuning: retune, register the challenger, make it the champion, or keep the one there is."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from airflow.providers.standard.operators.hitl import HITLBranchOperator
from airflow.sdk import BaseBranchOperator, BaseOperator
from airflow.sdk.definitions.context import Context
from airflow.sdk.exceptions import AirflowFailException

from canary.config import CanaryConfig
from canary.learning.policy import Approval, RetuningPolicy
from operators.errors import ProfileError
from operators.home import home
from operators.learning.profiles import ThresholdProfiles
from operators.learning.retuning import Retuned, check_bounds, first_champion, registered, retuned, told
from operators.notebook_files import file_name
from operators.records import Json, Kind, Records, Subject

#: Who is said to have approved where the policy asks nobody.
UNATTENDED: Final = "policy: unattended"
APPROVE, REJECT = "Approve", "Reject"
#: The XCom with the name of who answered.
BY: Final = "by"


class Retune(BaseOperator):
    """Looks for better settings of a profile in its recorded canaries; nothing in use changes.

    Args:
        profile: the threshold profile.
        settings: what its file says, as JSON; the first champion where there is none.
        policy: the retuning policy, as JSON.
        seed: of the search; a template.
        trials: settings to try, `0` for the policy's; a template.
    """

    template_fields = ("seed", "trials")

    def __init__(
        self,
        *,
        profile: str,
        settings: Mapping[str, Any],
        policy: Mapping[str, Any],
        seed: str = "0",
        trials: str = "0",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.profile, self.settings, self.policy = profile, dict(settings), dict(policy)
        self.seed, self.trials = seed, trials

    def execute(self, context: Context) -> dict[str, Any]:
        """Gives the retuning's folder, whether it has a challenger, and what to tell; a retry replaces it whole."""
        records = Records.open()
        run = context["dag_run"]
        folder = home() / "retunings" / run.dag_id / file_name(run.run_id)
        settings = CanaryConfig.model_validate(self.settings)
        champion = first_champion(ThresholdProfiles(records), self.profile, settings, who=_run(context))
        found = retuned(
            records,
            champion.config,
            champion.version,
            RetuningPolicy.model_validate(self.policy),
            folder,
            seed=int(self.seed),
            trials=int(self.trials) or None,
            on_progress=lambda done, of: self.log.info("%d of %d settings tried", done, of),
        )
        self.log.info("%s", found.result.why)
        return {
            "folder": str(folder),
            "has_challenger": found.result.challenger is not None,
            "why": found.result.why,
            "told": told(found),
        }


class HasChallenger(BaseBranchOperator):
    """Follows `better` where a retuning found a challenger, else `keep`.

    Args:
        retune: id of the task that retuned.
        better: id of the task that goes on with a challenger.
        keep: id of the task that goes on without.
    """

    def __init__(self, *, retune: str, better: str, keep: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.retune, self.better, self.keep = retune, better, keep

    def choose_branch(self, context: Context) -> str:
        """The id of the task to follow."""
        return self.better if context["ti"].xcom_pull(task_ids=self.retune)["has_challenger"] else self.keep


class RegisterChallenger(BaseOperator):
    """Registers the challenger of a retuning with all that it rests on; safe to repeat.

    Args:
        retune: id of the task that retuned.
        report: id of the task that ran the notebook, whose page is kept with it.
    """

    def __init__(self, *, retune: str, report: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.retune, self.report = retune, report

    def execute(self, context: Context) -> int:
        """Gives the version. Fails for good when the challenger is outside its bounds."""
        ti, who = context["ti"], _run(context)
        found = Retuned.read(Path(ti.xcom_pull(task_ids=self.retune)["folder"]))
        pages = {Path(path).name: Path(path) for path in (ti.xcom_pull(task_ids=self.report) or {}).values()}
        try:
            return registered(
                ThresholdProfiles(Records.open()), found, who=who, provenance={"run": who}, artifacts=pages
            )
        except ProfileError as error:
            raise AirflowFailException(str(error)) from error


class ApproveChallenger(HITLBranchOperator):
    """Asks the approvers whether the challenger becomes champion, with what it changes and does.

    Args:
        profile: the threshold profile.
        retune: id of the task that retuned.
        register: id of the task that registered the challenger.
        promote: id of the task to follow on "Approve".
        keep: id of the task to follow on "Reject", and without an answer in time.
        policy: the retuning policy: who may answer, and how long they have.
    """

    def __init__(
        self,
        *,
        profile: str,
        retune: str,
        register: str,
        promote: str,
        keep: str,
        policy: RetuningPolicy,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            subject=f"New thresholds for {profile}: version {{{{ ti.xcom_pull(task_ids='{register}') }}}}",
            body=f"{{{{ ti.xcom_pull(task_ids='{retune}')['told'] }}}}",
            options=[APPROVE, REJECT],
            options_mapping={APPROVE: promote, REJECT: keep},
            defaults=REJECT,
            assigned_users=[{"id": user, "name": user} for user in policy.approvers],
            response_timeout=policy.approval_wait,
            **kwargs,
        )

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Records who decided what, tells the next task, then follows it."""
        user: Mapping[str, Any] = event.get("responded_by_user") or {}
        who = str(user.get("name") or user.get("id") or "")
        body = {"answer": ", ".join(event.get("chosen_options") or []), "by": who}
        Records.open().append(Kind.APPROVAL, Subject(run=_run(context)), body)
        context["ti"].xcom_push(key=BY, value=who)
        return super().execute_complete(context, event)


class MakeChampion(BaseOperator):
    """Makes the registered challenger the champion, once its bounds are checked again; safe to repeat.

    Args:
        retune: id of the task that retuned.
        register: id of the task that registered the challenger.
        approve: id of the task that asked a person; `""` where the policy is `unattended`.
    """

    def __init__(self, *, retune: str, register: str, approve: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.retune, self.register, self.approve = retune, register, approve

    def execute(self, context: Context) -> dict[str, Any]:
        """Gives the profile, its new version, and who approved."""
        ti = context["ti"]
        found = Retuned.read(Path(ti.xcom_pull(task_ids=self.retune)["folder"]))
        version = int(ti.xcom_pull(task_ids=self.register))
        profiles = ThresholdProfiles(Records.open())
        champion = profiles.champion(found.profile)
        who = self._who(context, found.policy)
        if champion is None or champion.version != version:
            _checked(profiles, found, profiles.version(found.profile, version).config)
            profiles.make_champion(found.profile, version, who=who, why=found.result.why)
        return {"profile": found.profile, "version": version, "by": who}

    def _who(self, context: Context, policy: RetuningPolicy) -> str:
        """Who approved; a person that the policy asks for cannot be left out."""
        if policy.approval is Approval.UNATTENDED:
            return UNATTENDED
        who = _approver(context, self.approve)
        if not who:
            raise AirflowFailException("nobody approved this challenger, and the policy asks for a person")
        return who


class KeepChampion(BaseOperator):
    """Rejects the challenger, or says that there is none: the champion stays; safe to repeat.

    Args:
        retune: id of the task that retuned.
        register: id of the task that registered a challenger, if it ran.
        approve: id of the task that asked a person; `""` where none is asked.
    """

    def __init__(self, *, retune: str, register: str, approve: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.retune, self.register, self.approve = retune, register, approve

    def execute(self, context: Context) -> str:
        """Gives why."""
        ti, run = context["ti"], _run(context)
        found = Retuned.read(Path(ti.xcom_pull(task_ids=self.retune)["folder"]))
        version = ti.xcom_pull(task_ids=self.register)
        records = Records.open()
        if version is not None:
            who = _approver(context, self.approve)
            why = f"{who} rejected it" if who else "nobody approved it in time"
            ThresholdProfiles(records).reject(found.profile, int(version), who=who or run, why=why)
            return why
        subject = Subject(run=run)
        why = found.result.why
        body: dict[str, Json] = {"event": "kept", "profile": found.profile, "version": found.version}
        body |= {"why": why, "who": run}

        def act(_: int) -> dict[str, str]:
            if not records.search(kind=Kind.PROFILE, run=run):
                records.append(Kind.PROFILE, subject, body)
            return {"why": why}

        records.journal.once(f"{run}/keep-champion", subject, {"profile": found.profile}, act)
        return why


def _checked(profiles: ThresholdProfiles, found: Retuned, challenger: CanaryConfig) -> None:
    """Refuses a challenger outside its bounds, for good."""
    champion = profiles.champion(found.profile)
    if champion is None:
        raise AirflowFailException(f"'{found.profile}' has no champion any more")
    try:
        check_bounds(champion, challenger, found.policy, tuned_from=found.version)
    except ProfileError as error:
        raise AirflowFailException(str(error)) from error


def _approver(context: Context, approve: str) -> str:
    """Who answered; `""` where nobody did, or nobody was asked."""
    return str(context["ti"].xcom_pull(task_ids=approve, key=BY) or "") if approve else ""


def _run(context: Context) -> str:
    run = context["dag_run"]
    return f"{run.dag_id}/{run.run_id}"
