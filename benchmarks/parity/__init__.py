"""Parity: does an application get the same from every provider, and is told what it does not get?"""
