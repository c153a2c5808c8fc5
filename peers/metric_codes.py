"""The evaluation codes of others, taken as they are out of the releases on the package index.

A module is read from its archive and run alone; what else it imports, and scoring does not need, is
stood in for. So nothing has to be installed.
"""

from __future__ import annotations

import ast
import contextlib
import importlib.abc
import importlib.machinery
import io
import sys
import tarfile
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from peers.metric_cases import Case

Code = Callable[[Sequence[Case]], list[float | None]]
"""Scores of some cases; ``None`` where the code refuses a case."""


def codes(folder: Path) -> dict[str, tuple[str, Code]]:
    """Each metric that has a counterpart: the release, and its code."""
    lavis, mmf = archive(folder, "salesforce_lavis-1.0.2"), archive(folder, "mmf-1.0.0rc10")
    lmms, lmms_before = archive(folder, "lmms_eval-0.7.3"), archive(folder, "lmms_eval-0.3.0")
    scope, scope_before = archive(folder, "evalscope-1.14.1"), archive(folder, "evalscope-1.14.0")
    return {
        "vqa-accuracy": ("the official code, from LAVIS 1.0.2", official(lavis)),
        "lavis-vqa": ("LAVIS 1.0.2", lavis_vqa(lavis)),
        "lmms-eval-vqav2": ("lmms-eval 0.7.3", lmms_vqav2(lmms)),
        "lmms-eval-vqav2-0-3-0": ("lmms-eval 0.3.0", lmms_vqav2(lmms_before)),
        "lmms-eval-vqa": ("lmms-eval 0.7.3", lmms_vqa(lmms)),
        "textvqa": ("mmf 1.0.0rc10", textvqa(mmf)),
        "vlmevalkit-vqa": ("ms-vlmeval 0.0.20", vlmevalkit(archive(folder, "ms_vlmeval-0.0.20"))),
        "evalscope-vqav2": ("EvalScope 1.14.1", evalscope(scope)),
        "evalscope-vqav2-1-14-0": ("EvalScope 1.14.0", evalscope(scope_before)),
    }


def archive(folder: Path, name: str) -> Callable[[str], str]:
    """What reads a file of a release by the end of its path."""
    [path] = folder.glob(f"{name}[-.]*")

    def read(end: str) -> str:
        if path.suffix == ".whl":
            with zipfile.ZipFile(path) as file:
                [inside] = [one for one in file.namelist() if one == end]
                return file.read(inside).decode()
        with tarfile.open(path) as file:
            [member] = [one for one in file.getmembers() if one.name.endswith(f"/{end}")]
            opened = file.extractfile(member)
            return opened.read().decode() if opened else ""

    return read


def official(read: Callable[[str], str]) -> Code:
    """The loop of commit a013f00 around the official functions and tables, which LAVIS holds."""
    code = module(read("lavis/common/vqa_tools/vqa_eval.py"), "lavis").VQAEval()

    def line(said: str) -> str:
        return str(said.replace("\n", " ").replace("\t", " ").strip())

    def plain(said: str) -> str:
        return str(code.processDigitArticle(code.processPunctuation(said)))

    def score(case: Case) -> float:
        said, given = line(case.prediction), case.record()["answers"]
        for one in given:
            one["answer"] = line(one["answer"])
        if len({one["answer"] for one in given}) > 1:
            said = plain(said)
            for one in given:
                one["answer"] = plain(one["answer"])
        counted = [sum(other["answer"] == said for other in given if other != one) for one in given]
        found = [min(1, float(matches) / 3) for matches in counted]
        return float(sum(found)) / len(found)

    return each(score)


def lavis_vqa(read: Callable[[str], str]) -> Code:
    """Its whole evaluation, of all cases at once."""
    base: Any = module(read("lavis/common/vqa_tools/vqa_eval.py"), "lavis").VQAEval

    class Evaluation(base):  # type: ignore[misc]
        def setEvalQA(self, quesId: int, acc: float) -> None:  # noqa: N802, N803 - theirs
            self.evalQA[quesId] = acc  # not rounded

    def score(given: Sequence[Case]) -> list[float | None]:
        kinds = {"question_type": "", "answer_type": ""}
        known = {n: case.record() | kinds for n, case in enumerate(given)}
        said = {n: {"answer": case.prediction} for n, case in enumerate(given)}
        evaluation = Evaluation(Questions(known), Questions(said))
        with contextlib.redirect_stdout(io.StringIO()):
            evaluation.evaluate()
        return [evaluation.evalQA[n] for n in range(len(given))]

    return score


class Questions:
    """As much of the official ``VQA`` as its evaluation asks for."""

    def __init__(self, qa: dict[int, dict[str, Any]]) -> None:
        """Keep questions by id."""
        self.qa = qa

    def getQuesIds(self) -> list[int]:  # noqa: N802 - theirs
        """Their ids."""
        return list(self.qa)


def lmms_vqav2(read: Callable[[str], str]) -> Code:
    """The task vqav2 of lmms-eval."""
    code = lmms_task(read, "vqav2")

    def score(case: Case) -> float:
        doc = case.record() | {"question_id": 0}
        return float(code.vqav2_process_results(doc, [case.prediction])["exact_match"])

    return each(score)


def lmms_vqa(read: Callable[[str], str]) -> Code:
    """Three tasks of lmms-eval; their scores must be one."""
    found = [
        getattr(lmms_task(read, name), f"{name}_process_results")
        for name in ("ok_vqa", "textvqa", "vizwiz_vqa")
    ]

    def score(case: Case) -> float:
        scores = {
            process({"answers": list(case.answers), "question_id": 0}, [case.prediction])[
                "exact_match"
            ]
            for process in found
        }
        [one] = scores
        return float(one)

    return each(score)


def lmms_task(read: Callable[[str], str], name: str) -> ModuleType:
    """A task of lmms-eval, beside its true form of answers."""
    form = "lmms_eval.tasks._task_utils.vqa_eval_metric"
    known = module(read(form.replace(".", "/") + ".py"), form)
    return module(read(f"lmms_eval/tasks/{name}/utils.py"), name, {form: known})


def textvqa(read: Callable[[str], str]) -> Code:
    """TextVQA's evaluator; it refuses what has not ten answers."""
    code = module(read("mmf/utils/m4c_evaluators.py"), "m4c").TextVQAAccuracyEvaluator()

    def score(case: Case) -> float | None:
        if len(case.answers) != 10:
            return None
        entry = {"pred_answer": case.prediction, "gt_answers": case.answers}
        return float(code.eval_pred_list([entry]))

    return each(score)


def vlmevalkit(read: Callable[[str], str]) -> Code:
    """What VLMEvalKit does with a line of a table, and with its matches."""
    smp = ModuleType("vlmeval.smp")
    for file in ("misc", "file"):
        functions(
            read(f"vlmeval/smp/{file}.py"), {"process_punctuation", "istype", "listinstr"}, smp
        )
    code = module(read("vlmeval/dataset/utils/vqa_eval.py"), "vqa_eval", {"vlmeval.smp": smp})

    def score(case: Case) -> float:
        line = {"answer": repr(case.answers), "prediction": case.prediction}
        [found] = code.hit_calculate([code.process_line(line)], "VizWiz")
        return float(found)

    return each(score)


def evalscope(read: Callable[[str], str]) -> Code:
    """The adapter of vqav2: extraction and score."""
    code = module(read("evalscope/benchmarks/vqav2/vqav2_adapter.py"), "vqav2_adapter")
    adapter = code.VQAv2Adapter()

    def score(case: Case) -> float:
        answers = code._ensure_answer_list(case.record()["answers"])
        said = adapter.extract_answer(case.prediction, None)
        return float(code._vqa_soft_accuracy(said, answers))

    return each(score)


def each(score: Callable[[Case], float | None]) -> Code:
    """A code that takes one case at a time."""
    return lambda given: [score(case) for case in given]


def module(source: str, name: str, known: dict[str, ModuleType] | None = None) -> ModuleType:
    """Run a module alone, beside those that are known."""
    made = ModuleType(name)
    with standing_in(known or {}), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they write patterns without r""
        exec(compile(source, name, "exec"), made.__dict__)
    return made


def functions(source: str, names: set[str], into: ModuleType) -> None:
    """Run some functions of a module, and nothing else of it."""
    body: list[ast.stmt] = [
        one
        for one in ast.parse(source).body
        if isinstance(one, ast.FunctionDef) and one.name in names
    ]
    exec(compile(ast.Module(body, []), into.__name__, "exec"), into.__dict__)


class Anything(type):
    """A class that has every attribute and can be called with everything."""

    def __getattr__(cls, name: str) -> Any:
        """A stand-in, but for what Python itself looks for."""
        if name.startswith("__"):
            raise AttributeError(name)
        return StandIn


class StandIn(metaclass=Anything):
    """In the place of whatever was imported: a base class, a decorator, a constant."""

    def __init__(self, *_: Any, **__: Any) -> None:
        """Take everything."""

    def __call__(self, decorated: Any) -> Any:
        """What is decorated stays as it is."""
        return decorated


class Absent(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Makes a module of stand-ins wherever none is found."""

    def __init__(self) -> None:
        """Keep the names of what is made."""
        self.made: list[str] = []

    def find_spec(self, name: str, *_: Any) -> importlib.machinery.ModuleSpec:
        """There is a module of every name."""
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        """A module that has every attribute."""
        self.made.append(spec.name)
        made = ModuleType(spec.name)
        made.__getattr__ = lambda name: getattr(StandIn, name)  # type: ignore[method-assign]
        return made

    def exec_module(self, module: ModuleType) -> None:
        """Nothing."""


@contextlib.contextmanager
def standing_in(known: dict[str, ModuleType]) -> Iterator[None]:
    """Whatever cannot be imported is stood in for, while this lasts."""
    absent = Absent()
    sys.modules.update(known)
    sys.meta_path.append(absent)
    try:
        yield
    finally:
        sys.meta_path.remove(absent)
        for name in [*absent.made, *known]:
            del sys.modules[name]
