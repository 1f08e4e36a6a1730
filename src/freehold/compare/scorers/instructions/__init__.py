"""Instructions of which a program can see whether an answer follows them: `instructions`.

They are those of IFEval (Zhou et al., "Instruction-Following Evaluation for Large Language Models", 2023), under the
same names and with the same arguments, written anew from what they ask for.
"""
