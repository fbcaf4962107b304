"""From the catalogue to the engine: which titles and codes are which standard course."""

from datetime import date

from gateway.recognition.catalogue import Catalogue, StandardCourse, Table
from gateway.recognition.facts import StandardCourses
from gateway.recognition.titles import title_key


def standard_courses(catalogue: Catalogue, day: date) -> StandardCourses:
    """Titles and aliases of the courses that may be used on `day`.  A title of two courses stands for neither: nothing is guessed."""
    found: dict[str, set[str]] = {}
    for entry in catalogue.courses:
        if catalogue.find(Table.COURSES, entry.id, day) is entry:
            for title in _titles(entry):
                found.setdefault(title_key(title), set()).add(entry.id)
    return StandardCourses(by_title={title: min(ids) for title, ids in found.items() if len(ids) == 1})


def _titles(entry: StandardCourse) -> tuple[str, ...]:
    return (entry.title, *entry.aliases)
