"""The mail parser: bytes in, plain data out, for any bytes whatever (docs/glossary.md#real-mail).

Total by construction: undecoded text stands for its bytes one to one, each decoder has an answer for every input, and
nothing is caught but the errors that single conversions are known to raise. All work is linear in the input; what is
counted is capped by the ``MAX_`` constants of the modules.
"""
