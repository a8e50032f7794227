# SPDX-License-Identifier: MIT
"""``PartialJSON``: tables, then properties against ``json.loads``, then its cost.

Each row of a table goes in whole, one character at a time, cut at every place, and through a pickled copy.
``json.loads`` decides what is right: a text is JSON if ``json.loads`` accepts it. A character can continue a
text if some text that begins with both is accepted.
"""

from __future__ import annotations

import copy
import importlib
import inspect
import json
import pickle
import re
import sys
import time
import unittest
from itertools import takewhile
from json import decoder
from unittest import mock

from hypothesis import example, given
from hypothesis import strategies as st

from tests import sseparse
from tests.reference.streams import examples
from tests.wire import measures_time

_json = sseparse._json
_partial = sseparse._partial
PartialJSON = sseparse.PartialJSON


# ---- the right results ------------------------------------------------------------------------------


def well_formed(text):
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def paired(text):
    """The text with halves of surrogate pairs joined. A half alone stays as it is."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def tidy(value):
    """The value with all its strings well-formed, keys too."""
    if isinstance(value, str):
        return well_formed(value)
    if isinstance(value, list):
        return [tidy(item) for item in value]
    if isinstance(value, dict):
        return {well_formed(key): tidy(item) for key, item in value.items()}
    return value


def no_constant(name):
    raise ValueError(name)


def loads(text):
    """``json.loads`` without NaN, Infinity and ill-formed strings. PyPy is lax about \\u and digits."""
    if re.search(r"(?<!\\)(?:\\\\)*\\u(?![0-9a-fA-F]{4})", text):
        raise ValueError("bad escape")
    if not re.sub(r'"(?:[^"\\]|\\.)*"?', "", text).isascii():
        raise ValueError("bad digit")
    return tidy(json.loads(text, parse_constant=no_constant))


def is_json(text):
    try:
        loads(text)
    except ValueError:
        return False
    return True


# Texts that can finish the token at the end of a text, and then the value.
TOKEN = ["", "0", '"', '""', '0"', '00"', '000"', '0000"']
TOKEN += ["rue", "ue", "e", "alse", "lse", "se", "ull", "ll", "l"]
VALUE = ["", "0", ":0", '"":0']


def can_continue(text):
    """Whether some JSON text begins with this one."""
    closers = ""
    for char in re.sub(r'"(?:[^"\\]|\\.)*"?\\?', "", text, flags=re.DOTALL):  # strings are left out
        if char in "[{":
            closers = "]}"["[{".index(char)] + closers
        elif char in "]}":
            closers = closers[1:]
    return any(is_json(text + token + value + closers) for token in TOKEN for value in VALUE)


def problem_offset(text):
    """None for JSON, otherwise the length of the longest beginning that some JSON text has, too."""
    if is_json(text):
        return None
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if can_continue(text[:middle]):
            low = middle
        else:
            high = middle - 1
    return low


# ---- events and values ------------------------------------------------------------------------------


def text(*path_and_text):
    return ("text", path_and_text[:-1], path_and_text[-1])


def value(*path_and_value):
    return ("value", path_and_value[:-1], repr(path_and_value[-1]))


def flat(events):
    """Events as tuples, the deltas of one string joined."""
    out = []
    for event in events:
        if event.type == "json.value":
            out.append(("value", event.path, repr(event.value)))
        else:
            assert event.text, "an empty delta"
            if out and out[-1][:2] == ("text", event.path):
                out[-1] = ("text", event.path, out[-1][2] + event.text)
            else:
                out.append(("text", event.path, event.text))
    return out


def state(reader):
    """Everything that a reader shows, by repr: 1, 1.0 and True are equal, and so are 0.0 and -0.0."""
    return repr((reader.value, reader.complete, reader.error, reader.end))


def run(pieces, **options):
    reader = PartialJSON(**options)
    events = []
    for piece in pieces:
        events += reader.feed(piece)
    return flat(events + reader.close()), reader


def pieces_of(source, cuts):
    places = [0, *sorted(cuts), len(source)]
    return [source[a:b] for a, b in zip(places, places[1:])]


# ---- tables -----------------------------------------------------------------------------------------

# (name, text, events, the place of the mistake or None). The value must be that of json.loads.
GOOD = [
    ("a word", '"word"', [text("word"), value("word")]),
    ("an empty string", '""', [value("")]),
    ("true", "true", [value(True)]),
    ("false", " false ", [value(False)]),
    ("null", "\r\n\tnull", [value(None)]),
    ("a number at the top", "12", [value(12)]),
    ("and white space after it", "12\n", [value(12)]),
    ("zero", "0", [value(0)]),
    ("minus zero is an int", "-0", [value(0)]),
    ("minus zero as a float", "-0.0", [value(-0.0)]),
    ("an exponent makes a float", "1e2", [value(100.0)]),
    ("the longest sort of number", "-120.045E-07", [value(-1.20045e-05)]),
    ("0 may have a fraction", "0.50", [value(0.5)]),
    ("and an exponent", "0e+0", [value(0.0)]),
    ("too large for a float", "[1e999,-1e999]", [value(0, float("inf")), value(1, -float("inf")),
                                                value([float("inf"), -float("inf")])]),
    ("ints are exact", "[9007199254740993, 123456789012345678901234567890]",
     [value(0, 9007199254740993), value(1, 123456789012345678901234567890),
      value([9007199254740993, 123456789012345678901234567890])]),
    ("an empty array", "[]", [value([])]),
    ("an empty object", "{ }", [value({})]),
    ("white space everywhere", ' [ 1 , { "a" : [ ] , "b" : "x" } ] ',
     [value(0, 1), value(1, "a", []), text(1, "b", "x"), value(1, "b", "x"), value(1, {"a": [], "b": "x"}),
      value([1, {"a": [], "b": "x"}])]),
    ("indentation", '{\n    "a": [\n\t\t1,\r\n\n  true\n    ]\n}',
     [value("a", 0, 1), value("a", 1, True), value("a", [1, True]), value({"a": [1, True]})]),
    ("children first", '{"a":{"b":["x"]}}',
     [text("a", "b", 0, "x"), value("a", "b", 0, "x"), value("a", "b", ["x"]), value("a", {"b": ["x"]}),
      value({"a": {"b": ["x"]}})]),
    ("positions count every kind of value", '[null,"",[],{},1,false]',
     [value(0, None), value(1, ""), value(2, []), value(3, {}), value(4, 1), value(5, False),
      value([None, "", [], {}, 1, False])]),
    ("no deltas for keys", '{"long key \\n":1}', [value("long key \n", 1), value({"long key \n": 1})]),
    ("an empty key", '{"":"x"}', [text("", "x"), value("", "x"), value({"": "x"})]),
    ("every escape", r'"\"\\\/\b\f\n\r\t\u0041\u00E9\u00e9"',
     [text('"\\/\b\f\n\r\tAÉé'.replace("É", "é")), value('"\\/\b\f\n\r\tAéé')]),
    ("backslashes before u", r'["\\u0041","\\\u0041","\\\\ud83d"]',
     [text(0, "\\u0041"), value(0, "\\u0041"), text(1, "\\A"), value(1, "\\A"), text(2, "\\\\ud83d"),
      value(2, "\\\\ud83d"), value(["\\u0041", "\\A", "\\\\ud83d"])]),
    ("DEL and C1 are no control characters here",
     '"\x7f\x80\u2028"', [text("\x7f\x80\u2028"), value("\x7f\x80\u2028")]),
    ("text beyond ASCII", '{"ключ":"Grüße 日本 \U0001f600"}',
     [text("ключ", "Grüße 日本 \U0001f600"), value("ключ", "Grüße 日本 \U0001f600"),
      value({"ключ": "Grüße 日本 \U0001f600"})]),
    ("an escaped pair", r'"\ud83d\ude00"', [text("\U0001f600"), value("\U0001f600")]),
    ("in capitals", r'"\uDBFF\uDFFF"', [text("\U0010ffff"), value("\U0010ffff")]),
    ("a bare pair", '"\ud83d\ude00"', [text("\U0001f600"), value("\U0001f600")]),
    ("half bare, half escaped", '"\ud83d\\ude00 \\ud83d\ude00"', [text("\U0001f600 \U0001f600"),
                                                               value("\U0001f600 \U0001f600")]),
    ("first half alone", r'"\ud83d"', [text("�"), value("�")]),
    ("second half alone", r'"a\ude00"', [text("a�"), value("a�")]),
    ("the wrong way round", r'"\ude00\ud83d"', [text("��"), value("��")]),
    ("two first halves, then a second", r'"\ud83d\ud83d\ude00"', [text("�\U0001f600"), value("�\U0001f600")]),
    ("first half, then another escape", r'"\ud83d\n\ud83d\u0041\ud83d\uD7FF"', [text("�\n�A�\ud7ff"),
                                                                               value("�\n�A�\ud7ff")]),
    ("bare halves alone", '["\ud83d","\ude00"]', [text(0, "�"), value(0, "�"), text(1, "�"), value(1, "�"),
                                                value(["�", "�"])]),
    ("halves in a key", r'{"\ud83d\ude00\ud83d":1}', [value("\U0001f600�", 1), value({"\U0001f600�": 1})]),
    ("what seems to be half of a pair", r'"\\ud83d\ude00"', [text("\\ud83d�"), value("\\ud83d�")]),
    ("duplicate keys: the last wins", '{"a":"x","b":1,"a":"yz"}',
     [text("a", "x"), value("a", "x"), value("b", 1), text("a", "yz"), value("a", "yz"),
      value({"a": "yz", "b": 1})]),
    ("keys that become duplicates",
     r'{"\ud800":1,"\udfff":2}', [value("�", 1), value("�", 2), value({"�": 2})]),
]

# (name, text, the place of the first character that no JSON text can have there, the events before)
BAD = [
    ("nothing", "", 0, []),
    ("only white space", " \n", 2, []),
    ("a byte order mark", "\ufeff{}", 0, []),
    ("white space that is none in JSON", "\xa01", 0, []),
    ("nor is this", "[1,\x0b2]", 3, [value(0, 1)]),
    ("a word", "hello", 0, []),
    ("a digit, but no ASCII", "٣", 0, []),
    ("NaN", "[NaN]", 1, []),
    ("Infinity", "Infinity", 0, []),
    ("minus Infinity", "-Infinity", 1, []),
    ("single quotes", "{'a':1}", 1, []),
    ("a comment", "[1,/**/2]", 3, [value(0, 1)]),
    ("tru3", "tru3", 3, []),
    ("True", "True", 0, []),
    ("nul]", "[nul]", 4, []),
    ("a literal cut", "fals", 4, []),
    ("a letter after a literal", "nulls", 4, [value(None)]),
    ("a plus sign", "+1", 0, []),
    ("a leading zero", "01", 1, [value(0)]),
    ("and behind a minus", "-01", 2, [value(0)]),
    ("minus alone", "-", 1, []),
    ("minus and a letter", "-x", 1, []),
    ("minus and a minus", "[--1]", 2, []),
    ("no digit before the point", ".5", 0, []),
    ("none between sign and point", "-.5", 1, []),
    ("no digit after the point", "1.", 2, []),
    ("an exponent there", "1.e1", 2, []),
    ("a bracket there", "[1.]", 3, []),
    ("two points", "1.2.3", 3, [value(1.2)]),
    ("an exponent without digits", "1e", 2, []),
    ("with a sign", "1e+]", 3, []),
    ("two signs", "1e+-1", 3, []),
    ("a fraction in the exponent", "1e1.5", 3, [value(10.0)]),
    ("two exponents", "1e1e1", 3, [value(10.0)]),
    ("hexadecimal", "0x1", 1, [value(0)]),
    ("an underscore", "1_000", 1, [value(1)]),
    ("a digit after a digit that is no ASCII", "1٣", 1, [value(1)]),
    ("an unknown escape", '"a\\x41"', 3, [text("a")]),
    ("an escaped quote of the wrong kind", '"\\\'"', 2, []),
    ("a capital U", '"\\U0041"', 2, []),
    ("three digits", '"\\u12g4"', 5, []),
    ("no digits", '"\\u"', 3, []),
    ("what int() would take", '"\\u+041"', 3, []),
    ("this as well", '"a\\u0_41"', 5, [text("a")]),
    ("blanks in it", '"\\u 041"', 3, []),
    ("a blank for the last digit", '"\\u041 "', 6, []),
    ("digits of another script", '"\\u٣٣٣٣"', 3, []),
    ("bad after many good escapes", '"\\\\\\"\\u0041\\ud83d\\ude00b\\q"', 25, [text('\\"A\U0001f600b')]),
    ("bad when half of a pair waits", '"a\\ud83d\\x"', 9, [text("a")]),
    ("bad when half of a pair no longer waits", '"a\\ud83d\\u0x"', 11, [text("a�")]),
    ("a line feed in a string", '"a\nb"', 2, [text("a")]),
    ("a NUL in a string", '"\x00"', 1, []),
    ("a control character in a key", '{"a\x1f":1}', 3, []),
    ("a bad escape in a key", '{"a\\q":1}', 4, []),
    ("the highest control character", '"\x1f"', 1, []),
    ("a string cut", '"abc', 4, [text("abc")]),
    ("cut in an escape", '"abc\\', 5, [text("abc")]),
    ("cut after half of a pair", '"abc\\ud800', 10, [text("abc")]),
    ("cut in a pair", '"abc\\ud83d', 10, [text("abc")]),
    ("cut after an escaped quote", '["a\\"', 5, [text(0, 'a"')]),
    ("a key cut", '{"abc', 5, []),
    ("an array cut", "[1", 2, []),
    ("after its comma", "[1,", 3, [value(0, 1)]),
    ("an object cut", '{"a":1,"b"', 10, [value("a", 1)]),
    ("only a bracket", "[", 1, []),
    ("a comma too many", "[1,]", 3, [value(0, 1)]),
    ("in an object", '{"a":1,}', 7, [value("a", 1)]),
    ("a lone comma", "[,1]", 1, []),
    ("in an object ", "{,}", 1, []),
    ("two commas", "[1,,2]", 3, [value(0, 1)]),
    ("a comma at the top", ",", 0, []),
    ("no comma", "[1 2]", 3, [value(0, 1)]),
    ("between strings", '["a""b"]', 4, [text(0, "a"), value(0, "a")]),
    ("between members", '{"a":1 "b":2}', 7, [value("a", 1)]),
    ("no colon", '{"a" 1}', 5, []),
    ("a comma for a colon", '{"a",1}', 4, []),
    ("a bracket for a colon", '{"a"}', 4, []),
    ("two colons", '{"a"::1}', 5, []),
    ("a colon in an array", '["a":1]', 4, [text(0, "a"), value(0, "a")]),
    ("a colon first", "{:1}", 1, []),
    ("no value", '{"a":}', 5, []),
    ("none for the next key", '{"a":,"b":1}', 5, []),
    ("a value for a key", "{1:2}", 1, []),
    ("a literal for a key", "{true:2}", 1, []),
    ("for the second key", '{"a":1,2:3}', 7, [value("a", 1)]),
    ("a bracket for a key", "{[", 1, []),
    ("the wrong bracket", "[}", 1, []),
    ("this way as well", "{]", 1, []),
    ("after a value", "[1}", 2, [value(0, 1)]),
    ("after a member", '{"a":1]', 6, [value("a", 1)]),
    ("after a comma", '{"a":1,]', 7, [value("a", 1)]),
    ("after a key", '{"a"]', 4, []),
    ("after a colon", '{"a":]', 5, []),
    ("where the array begins", "[{]", 2, []),
    ("a bracket at the top", "]", 0, []),
    ("a brace", "}", 0, []),
    ("a bracket too many", "[]]", 2, [value([])]),
    ("twice the same", '{"a":1}{"a":1}', 7, [value("a", 1), value({"a": 1})]),
    ("two lines of it", "{}\n{}", 3, [value({})]),
    ("text behind it", "{} and more", 3, [value({})]),
    ("a quote behind a string", '"a""', 3, [text("a"), value("a")]),
    ("a number behind a number", "1 2", 2, [value(1)]),
    ("a surrogate outside of strings", "[\ud83d", 1, []),
]

# (name, pieces, the events of each). No event is held longer than necessary.
STEPS = [
    ("text comes at once",
     ['"', "a", "bc", 'd"'], [[], [text("a")], [text("bc")], [text("d"), value("abcd")]]),
    ("the key is known before its text", ['{"k": "ab', "c"], [[text("k", "ab")], [text("k", "c")]]),
    ("empty pieces have no events", ["", '"a', "", "b", ""], [[], [text("a")], [], [text("b")], []]),
    ("an unfinished escape is held", ['"a\\', 'n"'], [[text("a")], [text("\n"), value("a\n")]]),
    ("a backslash after a backslash is text", ['"a\\\\', "n"], [[text("a\\")], [text("n")]]),
    ("a third backslash begins an escape", ['"a\\\\\\', "n"], [[text("a\\")], [text("\n")]]),
    ("an escape with u is held until its last digit",
     ['"\\u', "0", "0", "4", "1"], [[], [], [], [], [text("A")]]),
    ("text before an unfinished escape is not held", ['"abc\\u004'], [[text("abc")]]),
    ("the first half of a pair is held until the second", ['"a\\ud83d', "\\", "u", "d", "e", "0", "0b"],
     [[text("a")], [], [], [], [], [], [text("\U0001f600b")]]),
    ("the first half of a pair in capitals is held",
     ['"\\uDBFF', "\\uDFF", "F"], [[], [], [text("\U0010ffff")]]),
    ("a first half is U+FFFD when another character comes", ['"\\ud83d', "b"], [[], [text("�b")]]),
    ("a first half is U+FFFD when another escape comes", ['"\\ud83d\\', "n"], [[], [text("�\n")]]),
    ("a first half is U+FFFD when the first digit of an escape shows it",
     ['"\\ud83d\\u', "0"], [[], [text("�")]]),
    ("a first half is U+FFFD when the second digit of an escape shows it",
     ['"\\ud83d\\ud', "8"], [[], [text("�")]]),
    ("a first half is U+FFFD when the string ends", ['"\\ud83d', '"'], [[], [text("�"), value("�")]]),
    ("a second half alone is U+FFFD at once", ['"\\ude00', ""], [[text("�")], []]),
    ("a character just below the halves is not held",
     ['"\\ud7ff', '"'], [[text("\ud7ff")], [value("\ud7ff")]]),
    ("a backslash and u after a backslash are text", ['"\\\\ud83d'], [[text("\\ud83d")]]),
    ("an escape after an escaped backslash is an escape",
     ['"\\\\\\ud83d', "\\ude00"], [[text("\\")], [text("\U0001f600")]]),
    ("many backslashes in two pieces", ['"' + "\\" * 40, "\\" * 41], [[text("\\" * 20)], [text("\\" * 20)]]),
    ("a first half without an escape is held", ['"a\ud83d', "\ude00"], [[text("a")], [text("\U0001f600")]]),
    ("the second of two first halves is held", ['"\ud83d\ud83d', "b"], [[text("�")], [text("�b")]]),
    ("a first half without an escape meets an escaped second half",
     ['"\ud83d\\u', "de00"], [[], [text("\U0001f600")]]),
    ("an escaped first half meets a second half without an escape",
     ['"\\ud83d', "\ude00"], [[], [text("\U0001f600")]]),
    ("the highest first half and the highest second half", ['"\udbff', "\udfff"], [[], [text("\U0010ffff")]]),
    ("a second half without an escape is U+FFFD at once", ['"a\ude00'], [[text("a�")]]),
    ("a control character in a string ends the reading",
     ['"a', "b\x01", "c"], [[text("a")], [text("b")], []]),
    ("a number is held until the next character",
     ["[1", "2", ",3", "]"], [[], [], [value(0, 12)], [value(1, 3), value([12, 3])]]),
    ("a literal is complete at its last character",
     ["[tru", "e", ",null"], [[], [value(0, True)], [value(1, None)]]),
    ("a literal alone is complete at its last character", ["nul", "l"], [[], [value(None)]]),
    ("a container is complete at its last character", ["[[", "]", "]"], [[], [value(0, [])], [value([[]])]]),
    ("a key is held until its end", ['{"a', "b", '":"', "c"], [[], [], [], [text("ab", "c")]]),
]

# (a text that goes on, its value so far)
SO_FAR = [
    ("", None),
    (" ", None),
    ("1", None),
    ("-", None),
    ("tru", None),
    ("true", True),
    ('"', ""),
    ('"a', "a"),
    ('"a\\', "a"),
    ('"a\\u00e9', "aé"),
    ("[", []),
    ("[1", []),
    ("[1,", [1]),
    ("[1,fals", [1]),
    ("[1,false", [1, False]),
    ('["', [""]),
    ('["a","b', ["a", "b"]),
    ('[["a', [["a"]]),
    ("{", {}),
    ('{"', {}),
    ('{"a', {}),
    ('{"a"', {}),
    ('{"a":', {}),
    ('{"a":1', {}),
    ('{"a":1,', {"a": 1}),
    ('{"a":[', {"a": []}),
    ('{"a":"', {"a": ""}),
    ('{"a":"x', {"a": "x"}),
    ('{"a":"x","b', {"a": "x"}),
    ('{"a":{"b":"x","c":[{"d":"y', {"a": {"b": "x", "c": [{"d": "y"}]}}),
    ('{"a":1,"a":"x', {"a": "x"}),
]


class Tables(unittest.TestCase):
    def check(self, source, events, result, offset, end):
        """The results are the same for every cut, and for a copy made at any place."""
        whole, reader = run([source])
        self.assertEqual(whole, events)
        self.assertEqual(repr(reader.value), repr(result))
        self.assertEqual(reader.error and reader.error.offset, offset)
        self.assertEqual(reader.end, end)
        self.assertEqual(reader.complete, end is not None)
        drip, dripped = run(source)
        self.assertEqual(drip, events)
        self.assertEqual(state(dripped), state(reader))
        for cut in range(len(source) + 1):
            first = PartialJSON()
            before = first.feed(source[:cut])
            for again in (first, pickle.loads(pickle.dumps(first)), copy.deepcopy(first)):
                after = again.feed(source[cut:]) + again.close()
                self.assertEqual(flat(before + after), events, cut)
                self.assertEqual(state(again), state(reader), cut)

    def test_good(self):
        for name, source, events in GOOD:
            with self.subTest(name):
                self.assertIsNone(problem_offset(source))
                self.check(source, events, loads(source), None, len(source.rstrip(" \t\n\r")))

    def test_bad(self):
        for name, source, offset, events in BAD:
            with self.subTest(name):
                self.assertEqual(problem_offset(source), offset)
                good = source[:offset]
                if events and events[-1][:2] == ("value", ()):
                    self.check(source, events, loads(good), offset, len(good.rstrip()))
                else:
                    # A number at the end of what is good has ended if the text goes on.
                    good += " " if good[-1:].isdigit() and good != source else ""
                    self.check(source, events, run([good])[1].value, offset, None)

    def test_steps(self):
        for name, pieces, steps in STEPS:
            with self.subTest(name):
                reader = PartialJSON()
                self.assertEqual([flat(reader.feed(piece)) for piece in pieces], steps)

    def test_value_so_far(self):
        for source, so_far in SO_FAR:
            with self.subTest(source):
                reader, dripped = PartialJSON(), PartialJSON()
                reader.feed(source)
                for char in source:
                    dripped.feed(char)
                    if not isinstance(dripped.value, str):  # on PyPy a str has no identity
                        self.assertIs(dripped.value, dripped.value)
                for each in (reader, dripped, pickle.loads(pickle.dumps(reader))):
                    self.assertEqual(repr(each.value), repr(so_far))
                    self.assertEqual(each.complete, source == "true")


class Contract(unittest.TestCase):
    def test_value_is_one_object_that_grows(self):
        reader = PartialJSON()
        reader.feed('{"a":["x')
        tree = reader.value
        reader.feed('y"],"b":2}')
        self.assertIs(reader.value, tree)
        self.assertEqual(tree, {"a": ["xy"], "b": 2})

    def test_the_value_after_each_delta(self):
        reader, growing = PartialJSON(), ""
        reader.feed('["')
        for number in range(3000):
            piece = str(number)
            growing += piece
            reader.feed(piece)
            if number % 7 == 0:
                self.assertEqual(reader.value, [growing])
        self.assertEqual(flat(reader.feed('"'))[-1], value(0, growing))
        self.assertEqual(reader.value, [growing])

    def test_events_hold_the_containers_of_the_tree(self):
        reader = PartialJSON()
        *_, inner, outer = reader.feed('{"a":[1]}')
        self.assertIs(outer.value, reader.value)
        self.assertIs(inner.value, reader.value["a"])

    def test_after_an_error_nothing_more_is_read(self):
        reader = PartialJSON()
        self.assertEqual(flat(reader.feed('["abc\\x')), [text(0, "abc")])
        before = state(reader)
        for piece in ('"', "plain text", "", "]"):
            self.assertEqual(reader.feed(piece), [])
        self.assertEqual(reader.close(), [])
        self.assertEqual(state(reader), before)
        self.assertEqual(reader.value, ["abc"])

    def test_text_after_the_value_does_not_change_it(self):
        reader = PartialJSON()
        reader.feed(' {"a":1} ')
        self.assertIsNone(reader.error)
        self.assertEqual((reader.complete, reader.end), (True, 8))
        self.assertEqual(reader.feed('{"a":1}'), [])
        self.assertEqual((reader.complete, reader.end, reader.value), (True, 8, {"a": 1}))
        self.assertEqual(reader.error, _partial.JSONProblem("text after the end of the value", 9))

    def test_close(self):
        reader = PartialJSON()
        self.assertEqual(reader.feed("12"), [])
        self.assertEqual((reader.complete, reader.end, reader.value), (False, None, None))
        self.assertEqual(flat(reader.close()), [value(12)])
        self.assertEqual((reader.complete, reader.end, reader.value, reader.error), (True, 2, 12, None))
        before = state(reader)
        self.assertEqual(reader.close(), [])
        self.assertEqual(state(reader), before)

    def test_close_drops_an_unfinished_number(self):
        reader = PartialJSON()
        reader.feed('{"a":"b","c":12')
        self.assertEqual(reader.close(), [])
        self.assertEqual(reader.value, {"a": "b"})
        self.assertEqual(reader.error, _partial.JSONProblem("the text ends before its value does", 15))

    def test_the_text_so_far_after_close(self):
        reader = PartialJSON()
        reader.feed('["a')
        reader.feed("b\\u00")
        reader.close()
        self.assertEqual(reader.value, ["ab"])
        self.assertEqual(reader.error.offset, 8)

    def test_feed_after_close(self):
        for source in ("", "[]", '"a', "x"):
            reader = PartialJSON()
            reader.feed(source)
            reader.close()
            for piece in ("more", ""):
                with self.assertRaisesRegex(RuntimeError, r"^PartialJSON.feed\(\) after close\(\): use a"):
                    reader.feed(piece)

    def test_an_instance_of_a_subclass_of_str(self):
        class Marked(str):
            def __str__(self):
                return "another"

            def isprintable(self):
                return True

        reader = PartialJSON()
        events = []
        for piece in ('{"k', 'ey":"', "ab", "", "x" * 300, "\n", '"}'):
            if piece == "\n":
                break
            events += reader.feed(Marked(piece))
        self.assertEqual(flat(events), [text("key", "ab" + "x" * 300)])
        for event in events:
            self.assertEqual({type(part) for part in (event.text, *event.path)}, {str})
        self.assertIs(type(reader.value["key"]), str)
        self.assertEqual(reader.feed(Marked("\n")), [])
        self.assertEqual(reader.error.offset, 310)

    def test_only_str(self):
        for piece in (b"[]", bytearray(b"[]"), None, ["a"], 1):
            reader = PartialJSON()
            reader.feed('"a')
            with self.assertRaisesRegex(TypeError, f"takes str, not {type(piece).__name__}: feed "):
                reader.feed(piece)
            self.assertEqual(flat(reader.feed('b"')), [text("b"), value("ab")])

    def test_messages(self):
        for source, message in (
            ("x", "expected a value"),
            ("[x", "expected a value or ']'"),
            ("[1,]", "expected a value"),
            ("{x", "expected a key in double quotes or '}'"),
            ('{"a":1,}', "expected a key in double quotes"),
            ('{"a"}', "expected ':'"),
            ("[1}", "expected ',' or the end of the container"),
            ('"\n', "control character or bad escape in a string"),
            ('{"\n', "control character or bad escape in a key"),
            ("[] x", "text after the end of the value"),
            ("-x", "expected a digit"),
            ("nuls", "expected null"),
            ("nul", "the text ends before its value does"),
            ("1.", "the text ends before its value does"),
        ):
            with self.subTest(source):
                self.assertEqual(run([source])[1].error.message, message)

    def test_problems_are_plain_data(self):
        problem = _partial.JSONProblem("why", 3)
        self.assertEqual(problem, _partial.JSONProblem("why", 3))
        self.assertEqual(problem, pickle.loads(pickle.dumps(problem)))
        self.assertNotEqual(problem, _partial.JSONProblem("why", 4))
        self.assertNotEqual(problem, _partial.JSONProblem("why not", 3))
        self.assertNotEqual(problem, ("why", 3))
        self.assertEqual(repr(problem), "JSONProblem(message='why', offset=3)")
        self.assertEqual(problem.__match_args__, ("message", "offset"))
        with self.assertRaises(TypeError):
            hash(problem)

    def test_repr_says_nothing_of_the_text(self):
        reader = PartialJSON()
        reader.feed('{"secret":["secr')
        self.assertEqual(repr(reader), "<PartialJSON read=16 depth=2 complete=False error=None>")
        reader.feed("\\n")
        reader.feed("et")
        self.assertEqual(repr(reader), "<PartialJSON read=20 depth=2 complete=False error=None>")
        self.assertEqual(repr(run("12")[1]), "<PartialJSON read=2 depth=0 complete=True error=None>")


class Limits(unittest.TestCase):
    def test_a_bad_limit_is_refused(self):
        self.assertRaises(ValueError, PartialJSON, max_depth=-1)
        self.assertRaises(TypeError, PartialJSON, max_depth="3")

    def test_depth(self):
        for opener, closer in (("[", "]"), ('{"a":', "}")):
            for max_depth in (0, 1, 3, 128):
                for scalar in ("1", '"a"', "null"):
                    within = opener * max_depth + scalar + closer * max_depth
                    reader = run([within], max_depth=max_depth)[1]
                    self.assertIsNone(reader.error)
                    self.assertEqual(reader.value, json.loads(within))
                for pieces in ([opener * 1000], opener * 1000):
                    reader = run(pieces, max_depth=max_depth)[1]
                    self.assertEqual(reader.error.offset, len(opener) * max_depth)
                    self.assertEqual(reader.error.message, f"nested deeper than {max_depth}")

    def test_depth_is_128(self):
        self.assertIsNone(run(["[" * 128 + "]" * 128])[1].error)
        self.assertEqual(run(["[" * 129 + "]" * 129])[1].error.offset, 128)

    def test_depth_counts_what_is_open(self):
        self.assertIsNone(run(['[[],[],{"a":[]},{}]'], max_depth=3)[1].error)
        self.assertEqual(run(['[[],[],{"a":[]},{}]'], max_depth=2)[1].error.offset, 12)

    def test_depth_does_not_use_the_stack(self):
        depth = 5 * sys.getrecursionlimit()
        reader = PartialJSON(max_depth=depth)
        # The path of an event is as long as its depth, so only a few levels are closed.
        self.assertEqual(reader.feed("[" * depth), [])
        depths = [len(event.path) for event in reader.feed("1]]]")]
        self.assertEqual(depths, [depth, depth - 1, depth - 2, depth - 3])

    def test_integers_the_interpreter_refuses(self):
        limit = getattr(sys, "get_int_max_str_digits", int)()
        if not limit:  # PyPy, or switched off: then there are none
            self.assertEqual(run(["9" * 5000])[1].value, 10**5000 - 1)
            return
        within, over = "9" * limit, "9" * (limit + 1)
        self.assertEqual(run([within])[1].value, int(within))
        self.assertEqual(run(["[" + over + ".0]"])[1].value, [float(over)])
        for source, offset in (
            (over, limit + 1),
            (over + " ", limit + 1),
            ("[" + over + "]", limit + 2),
            ("[-" + over + "x", limit + 3),
        ):
            for pieces in ([source], source, pieces_of(source, range(0, limit, 64))):
                events, reader = run(pieces)
                self.assertEqual(events, [])
                problem = _partial.JSONProblem("an integer with too many digits", offset)
                self.assertEqual(reader.error, problem)

    def test_long_numbers(self):
        zeros = "0" * 5000
        for source in ("1." + "3" * 5000, f"0.{zeros}1e4990", f"1e{zeros}12", f"0e-{zeros}", f"-{10**4000}"):
            for pieces in ([source], source, pieces_of(source, range(0, len(source), 7))):
                self.assertEqual(repr(run(pieces)[1].value), repr(json.loads(source)))


# ---- properties -------------------------------------------------------------------------------------

characters = st.characters(blacklist_categories=())  # surrogates, too
texts = st.text(characters) | st.text(st.sampled_from('ab"\\/\n\u00e9\ud83d\ude00\udbff\udfff\x7f'))
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
styles = st.fixed_dictionaries(
    {
        "indent": st.sampled_from([None, 0, 3, "\t"]),
        "separators": st.sampled_from([None, (",", ":"), (" ,\n", "\r\t: ")]),
        "ensure_ascii": st.booleans(),
    }
)


@st.composite
def documents(draw, keys=texts):
    """Any value, written in any style."""

    def containers(inner):
        return st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4)

    blank = st.text(" \t\n\r", max_size=3)
    written = json.dumps(draw(st.recursive(scalars, containers, max_leaves=12)), **draw(styles))
    return draw(blank) + written + draw(blank)


@st.composite
def damaged(draw):
    """A document with a few characters changed, added or lost."""
    source = draw(documents())
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(source)))
        lost = draw(st.integers(0, 2))
        source = source[:place] + draw(st.text(TOKENS, max_size=2)) + source[place + lost :]
    return source


TOKENS = st.sampled_from('{}[]:,"\\/ubtrufalsen0123456789abcdefABCDEF+-.eE \t\n\x00\ud83d\ude00\u00e9')
anything = st.text(TOKENS, max_size=12) | st.text(characters, max_size=12) | damaged()
# The ways in which a string can continue. The beginning that all possible ways share is decided.
ENDS = ['"', 'x"', 'n"', 't"', '\ude00"', '\\ude00"', 'ude00"']
ENDS += [digits[cut:] + '"' for digits in ("0041", "0042", "de00", "de01", "d800") for cut in range(4)]
parts = ["\\", "u", "d", "8", "3", "D", "E", "0", "\\ud83d", "\\ude00", "\ud83d", "\ude00", "n", "\u00e9"]
insides = st.lists(st.sampled_from(parts)).map("".join)
cuts = st.lists(st.integers(0, 1000), max_size=8)


class Members(list):
    """The members of an object, duplicates too."""


def obvious_events(node, path=()):
    if isinstance(node, str):
        node = well_formed(node)
        return ([text(*path, node)] if node else []) + [value(*path, node)], node
    if isinstance(node, Members):
        members = [(well_formed(key), inner) for key, inner in node]
        result = {}
    elif isinstance(node, list):
        members = list(enumerate(node))
        result = dict.fromkeys(range(len(node)))
    else:
        return [value(*path, node)], node
    events = []
    for key, inner in members:
        inside, result[key] = obvious_events(inner, (*path, key))
        events += inside
    if not isinstance(node, Members):
        result = list(result.values())
    return [*events, value(*path, result)], result


def begins(part, whole):
    """Whether a tree is an earlier state of another."""
    if isinstance(part, str) and isinstance(whole, str):
        return whole.startswith(part)
    if isinstance(part, list) and isinstance(whole, list):
        if len(part) > len(whole) or not part:
            return not part
        *done, last = part
        return done == whole[: len(done)] and begins(last, whole[len(done)])
    if isinstance(part, dict) and isinstance(whole, dict):
        return list(part) == list(whole)[: len(part)] and begins(list(part.values()), list(whole.values()))
    return repr(part) == repr(whole)


class Properties(unittest.TestCase):
    @examples(100)
    @given(documents(), cuts)
    def test_any_value_in_any_style_and_any_cut(self, source, cuts):
        events, reader = run(pieces_of(source, [cut % (len(source) + 1) for cut in cuts]))
        expected, result = obvious_events(json.loads(source, object_pairs_hook=Members))
        self.assertIsNone(reader.error)
        self.assertEqual(repr(reader.value), repr(loads(source)))
        self.assertEqual(repr(reader.value), repr(result))
        self.assertEqual(events, expected)

    @examples(300)
    @given(anything | insides.map('"{}"'.format), cuts)
    @example('{"a":"\ud83d\\u', [])
    def test_any_text(self, source, cuts):
        events, reader = run([source])
        self.assertEqual(reader.error and reader.error.offset, problem_offset(source))
        self.assertEqual(reader.error is None, is_json(source))
        if reader.error is None:
            self.assertEqual(repr(reader.value), repr(loads(source)))
        for pieces in (source, pieces_of(source, [cut % (len(source) + 1) for cut in cuts])):
            cut_events, cut_reader = run(pieces)
            self.assertEqual(cut_events, events)
            self.assertEqual(state(cut_reader), state(reader))

    @examples(100)
    @given(insides, cuts)
    @example("\\udd", [])
    @example("\\ud83d\\u", [])
    def test_a_string_grows_by_its_decided_characters(self, inside, cuts):
        # Two halves that are alone are not the same yet, though they end up as the same U+FFFD.
        possible = [paired(json.loads(f'"{inside}{end}')) for end in ENDS if is_json(f'"{inside}{end}')]
        decided = "".join(chars[0] for chars in takewhile(lambda chars: len(set(chars)) == 1, zip(*possible)))
        decided = well_formed(decided)
        reader = PartialJSON()
        events = []
        for piece in pieces_of('"' + inside, [cut % (len(inside) + 2) for cut in cuts]):
            events += reader.feed(piece)
        if reader.error is None:
            self.assertEqual(flat(events), [text(decided)] if decided else [])
            self.assertEqual(reader.value, decided)
            self.assertEqual(reader.close(), [])
            self.assertEqual(reader.value, decided)

    @examples(100)
    @given(documents(keys=texts.map(well_formed)))  # others may become duplicates, of which the last wins
    def test_each_value_is_a_beginning_of_the_next(self, source):
        whole = loads(source)
        reader = PartialJSON()
        steps = []
        for char in source:
            reader.feed(char)
            steps.append(copy.deepcopy(reader.value))
            self.assertTrue(steps[-1] is None or begins(steps[-1], whole), (steps[-1], whole))
        for earlier, later in zip(steps, steps[1:]):
            self.assertTrue(earlier is None or begins(earlier, later), (earlier, later))


# ---- what it costs ----------------------------------------------------------------------------------


class Scanner(unittest.TestCase):
    """``JSONScanner`` has the same grammar and keeps no values."""

    def check(self, source, pieces):
        reader, scanner = PartialJSON(), _partial.JSONScanner()
        for piece in pieces:
            reader.feed(piece)
            aside = scanner.copy()
            aside.feed('"[{]x')  # which never reach the scanner
            scanner.feed(piece)
            self.assertEqual((scanner.error, scanner.end), (reader.error, reader.end), source)
        copied = pickle.loads(pickle.dumps(scanner))
        reader.close()
        for each in (scanner, copied):
            self.assertIs(each.is_whole(), reader.error is None, source)
        self.assertEqual(scanner._top, [])

    def test_tables(self):
        for source in [row[1] for row in GOOD] + [row[1] for row in BAD] + [row[0] for row in SO_FAR]:
            with self.subTest(source):
                self.check(source, [source])
                self.check(source, source)
                for cut in range(len(source)):
                    self.check(source, [source[:cut], source[cut:]])

    @examples(200)
    @given(anything, cuts)
    def test_any_text(self, source, cuts):
        self.check(source, pieces_of(source, [cut % (len(source) + 1) for cut in cuts]))

    def test_slices(self):
        size = _partial._SLICE
        for before in ('["' + "x" * (size - 4), '["' + "x" * (size - 3), " " * (size - 1)):
            for after in ('\\ud83d\\ude00"]', '\\n"]', '"]', "tru", "12", "-1.5e+7", '\\x"]', "\n"):
                source = before + after
                self.check(source, [source])
                self.check(source, [source, source])

    def test_depth(self):
        for depth, message in ((128, None), (129, "nested deeper than 128")):
            scanner = _partial.JSONScanner()
            scanner.feed("[" * depth)
            self.assertEqual(scanner.error and scanner.error.message, message)

    def test_an_error_ends_the_reading(self):
        scanner = _partial.JSONScanner()
        scanner.feed("[x")
        before = pickle.dumps(scanner)
        scanner.feed("]")
        self.assertEqual(pickle.dumps(scanner), before)
        self.assertFalse(scanner.is_whole())

    def test_repr_says_nothing_of_the_text(self):
        scanner = _partial.JSONScanner()
        scanner.feed('{"secret')
        self.assertEqual(repr(scanner), "<JSONScanner read=8 depth=1 complete=False error=None>")


@unittest.skipUnless(sys.implementation.name == "cpython", "it counts CPython's memory")
class Memory(unittest.TestCase):
    """The memory beside the text does not grow with the text."""

    SHAPES = (
        ("numbers", "[" * 127, "1,"),
        ("numbers in an object", '{"a":[', "1,"),
        ("empty arrays", '{"a":' * 100 + "[", "[],"),
        ("empty objects", '{"a":[', "{},"),
        ("empty strings", "[" * 127, '"",'),
        ("keys", "{", '"":1,'),
        ("nested", '{"a":[', "[[[[[[[[[[]]]]]]]]]],"),
        ("blanks", '{"a":[', " "),
        ("escapes", '{"a":"', "\\n"),
        ("beyond ASCII", '{"a":"', "\U0001f600"),
        ("a long key", '{"', "x"),
    )

    def check(self, run, copies=0):
        """Yield each text and the result of ``run``, which may copy the text ``copies`` times."""
        import tracemalloc  # PyPy has none

        for name, opening, piece in self.SHAPES:
            source = opening + piece * (100_000 // len(piece))
            tracemalloc.start()
            try:
                found = run(source)
                peak = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
            self.assertLess(peak, 250_000 + copies * sys.getsizeof(source), name)
            yield source, found

    def test_the_scanner(self):
        def run(source):
            scanner = _partial.JSONScanner()
            scanner.feed(source)
            return scanner.error

        self.assertEqual({found for _, found in self.check(run)}, {None})

    def test_the_status(self):
        # One copy may be made, without the white space at the ends.
        for source, status in self.check(_json.status_of, copies=1):
            self.assertEqual(status, "incomplete" if source[0] == "{" else "invalid")

    def test_the_depth(self):
        # The text between the strings is copied, but not into a list.
        self.assertEqual({found for _, found in self.check(_json.is_too_deep, copies=2)}, {False})


class WholeTexts(unittest.TestCase):
    def test_status(self):
        # tests/rules/tool_call_status.py has the table.
        for text, status in (
            ("", "empty"), (" \t\r\n", "empty"), ("{}", "complete"), (" {} ", "complete"),
            ("{", "incomplete"), ("{}x", "invalid"), ("[]", "invalid"), ("[", "invalid"), ("\xa0", "invalid"),
        ):  # fmt: skip
            self.assertEqual(_json.status_of(text), status, text)

    @examples(200)
    @given(anything)
    def test_any_status(self, source):
        status = _json.status_of(source)
        if not source.strip(" \t\n\r"):
            self.assertEqual(status, "empty")
        elif is_json(source):
            self.assertEqual(status, "complete" if isinstance(json.loads(source), dict) else "invalid")
        else:
            begun = source.lstrip(" \t\n\r")[:1] == "{" and problem_offset(source) == len(source)
            self.assertEqual(status, "incomplete" if begun else "invalid")

    def test_depth(self):
        deep = '{"a":' * 128 + "1" + "}" * 128
        self.assertEqual(_json.status_of(deep), "complete")
        self.assertEqual(_json.status_of(f'{{"a":{deep}}}'), "invalid")
        # Brackets in strings are not levels, in any number of strings.
        strings = ",".join(['"[[[[{{{{"', '"\\"]"'] * 1000)
        for depth, too_deep in ((128, False), (129, True)):
            for inside in (strings, "", f"{strings},[],{strings}"[: -2 if depth == 1 else None]):
                levels = depth - ("[]" in inside)
                text = "[" * levels + inside + "]" * levels
                self.assertIs(_json.is_too_deep(text), too_deep, (depth, inside[:20]))
                self.assertIs(_json.is_too_deep(f"[[],{text[1:]}"), too_deep)

    def test_on_a_stack_that_is_nearly_full(self):
        text = '{"a":' * 122 + "1" + "}" * 122

        def deeper(levels):
            if levels:
                return deeper(levels - 1)
            try:
                parsed = _json.parse_json(text)
            except ValueError:
                parsed = None
            return _json.status_of(text), parsed

        room = sys.getrecursionlimit() - len(inspect.stack())
        for levels in range(0, room - 50, 20):
            status, parsed = deeper(levels)
            self.assertEqual(status, "complete")
            self.assertIn(parsed, (None, json.loads(text)))


class Cost(unittest.TestCase):
    def test_each_character_is_scanned_a_few_times_at_most(self):
        scanned = 0

        def scanstring(source, start, strict):
            nonlocal scanned
            piece, end = scan(source, start, strict)
            scanned += end - start
            return piece, end

        def number(source, start):
            nonlocal scanned
            match = scan_number(source, start)
            scanned += match.end() - start
            return match

        def decidable(source):
            nonlocal scanned
            scanned += len(source)
            return scan_end(source)

        scan, scan_number, scan_end = _partial.scanstring, _partial._number, _partial._decidable
        n = 20_000
        with mock.patch.multiple(_partial, scanstring=scanstring, _number=number, _decidable=decidable):
            for name, source in (
                ("escapes", '"' + "\\u00e9\\n" * (n // 8) + '"'),
                ("pairs", '"' + "\\ud83d\\ude00" * (n // 12) + '"'),
                ("halves", '"' + "\\ud83d" * (n // 6) + '"'),
                ("backslashes", '"' + "\\" * n + '"'),
                ("quotes", '"' + '\\"' * (n // 2) + '"'),
                ("digits", "1." + "7" * n),
                ("small strings", "[" + '"\\n",' * (n // 5) + "1]"),
                ("small numbers", "[" + "1," * (n // 2) + "1]"),
                ("a long key", '{"' + "k" * n + '":1}'),
            ):
                # With feeds of one character an escape is read again at each of its characters.
                for size, times in ((1, 24), (64, 3), (n, 3)):
                    with self.subTest(name, size=size):
                        scanned = 0
                        reader = run(pieces_of(source, range(0, len(source), size)))[1]
                        self.assertIsNone(reader.error)
                        self.assertLessEqual(scanned, times * len(source))

    def test_plain_text_in_a_string_is_not_scanned_at_all(self):
        reader = PartialJSON()
        reader.feed('["')
        with mock.patch.object(_partial, "scanstring") as scanstring:
            for piece in ("plain", " text, ", "日本", "x" * 255):
                self.assertEqual(flat(reader.feed(piece)), [text(0, piece)])
        scanstring.assert_not_called()

    def test_large_pieces_of_plain_text_are_not_copied(self):
        reader = PartialJSON()
        reader.feed('["')
        for piece in ("x" * 70_000, "ä" * 70_000):
            (event,) = reader.feed(piece)
            self.assertEqual(event.text, piece)
            if sys.implementation.name == "cpython":  # on PyPy a str may be another at each look
                self.assertIs(event.text, piece)

    def test_white_space_is_skipped_in_one_call(self):
        with mock.patch.object(_partial, "blank", wraps=_partial.blank) as blank:
            self.assertEqual(run(["[" + " " * 1000 + "1" + "\n" * 1000 + "]"])[1].value, [1])
            self.assertEqual(blank.call_count, 2)
            self.assertEqual(run(['{"a": [1, 2]}'])[1].value, {"a": [1, 2]})
            self.assertEqual(blank.call_count, 2)  # single blanks are not worth a call

    @measures_time
    def test_a_delta_costs_the_same_whatever_came_before(self):
        def seconds(opening, piece, count):
            best = float("inf")
            for _ in range(3):
                reader = PartialJSON()
                reader.feed(opening)
                began = time.process_time()
                for _ in range(count):
                    reader.feed(piece)
                best = min(best, time.process_time() - began)
                self.assertIsNone(reader.error)
            return best / count

        # 64 times as many: in quadratic time each would take up to 64 times as long.
        hostile = ('["', "abcd"), ('["', "\\n\ud83d"), ('{"', "abcd"), ("[", "1234"), ("[1", ",[],1")
        for opening, piece in hostile:
            with self.subTest(opening=opening, piece=piece):
                self.assertLess(seconds(opening, piece, 64_000), 8 * seconds(opening, piece, 1_000))

    def test_small_pieces_are_not_kept_as_such(self):
        for opening, piece in (('["', "abcd"), ("[", "1234")):
            reader = PartialJSON()
            reader.feed(opening)
            for _ in range(10_000):
                reader.feed(piece)
            self.assertLess(len(reader._pieces) + len(reader._blocks), 1100)

    def test_empty_pieces_are_not_kept(self):
        for opening in ("", '["a', '["\\', "[1", "[tru", '{"a'):
            reader = PartialJSON()
            reader.feed(opening)
            before = pickle.dumps(reader)
            self.assertEqual([reader.feed("") for _ in range(3)], [[], [], []])
            self.assertEqual(pickle.dumps(reader), before)


class OtherInterpreters(unittest.TestCase):
    """The standard library's string scanner in Python (PyPy has no other) reads digits with int()."""

    def again(self, scanner):
        """Return the two modules as they are on a Python whose standard library has this scanner."""
        names = _partial.__name__, sseparse._json.__name__
        scanners = mock.patch.object(decoder, "scanstring", scanner)
        pure = mock.patch.object(json.scanner, "make_scanner", json.scanner.py_make_scanner)
        with scanners, pure, mock.patch.dict(sys.modules), mock.patch.multiple(sseparse, _partial=0, _json=0):
            for name in names:
                del sys.modules[name]
            return [importlib.import_module(name) for name in names]

    def test_a_strict_scanner_is_taken_as_it_is(self):
        def strict(source, start, strict=True):
            if source.startswith("\\u+", start):
                raise ValueError
            return "", len(source)

        self.assertIs(self.again(strict)[0].scanstring, strict)

    def test_with_a_lax_scanner(self):
        def lax(source, start, strict=True):
            escape = re.compile(r"(\\\\)|\\u[+_ 0-9a-fA-F]{4}")
            source = escape.sub(lambda match: match[1] or "\\u0041", source)
            return strict_scanner(source, start, strict)

        strict_scanner = decoder.scanstring
        again, whole = self.again(lax)
        self.assertIs(again._scan_laxly, lax)
        for _, source, offset, _ in BAD:
            for pieces in ([source], source):
                reader = again.PartialJSON()
                for piece in pieces:
                    reader.feed(piece)
                reader.close()
                self.assertEqual(reader.error.offset, offset, source)
        reader = again.PartialJSON()
        reader.feed('{"\\u0041":"b\\u0041", "c": "\\\\u+041"}')
        self.assertEqual(list(reader.value), ["A", "c"])
        reader = again.PartialJSON()
        reader.feed(f'["{"x" * 500}\\u0041"]')
        self.assertEqual(reader.value, ["x" * 500 + "A"])
        # Whole texts are read in the same way.
        for value in ("\\u+041", "\\u 041", "\\u00_1", "a\\\\\\u+041"):
            self.assertEqual(whole.status_of(f'{{"a":"{value}"}}'), "invalid")
            with self.assertRaises(ValueError):
                whole.scan_json(f'{{"a":"{value}"}}', 0)
        for value, said in (("\\u0041", "A"), ("\\\\u+041", "\\u+041"), ("\\n\\\\", "\n\\")):
            self.assertEqual(whole.status_of(f'{{"a":"{value}"}}'), "complete")
            self.assertEqual(whole.scan_json(f'x{{"a":"{value}"}} \\u', 1), ({"a": said}, len(value) + 9))
        with self.assertRaises(ValueError):
            whole.scan_deep('["\\u+041",' + "[" * 5000, 0)

    def test_numbers_have_ascii_digits(self):
        """The scanner that is written in Python (in PyPy) takes others, too."""
        whole = importlib.import_module(f"{sseparse.__name__}._json")
        read = whole._in_ascii(int)
        self.assertEqual(read("12"), 12)
        with self.assertRaises(ValueError):
            read("1\u0662")


if __name__ == "__main__":
    unittest.main()
