"""What users of other gateways and of monitoring tools complained about, thread by thread, as tests of Freehold.

A file is a complaint; a test, or a parameter of one, is a thread, named by its address in the docstring. Each would
fail if Freehold had the fault that the thread is about. `docs/resilience.md` has them all in one table.

Left out, because what they are about does not exist here yet: personal data and guards (BerriAI/litellm#8359,
#40784, #21949, detectors with a threshold for each data set), mirrored traffic (BerriAI/litellm#19537,
envoyproxy/ai-gateway#2137), and MCP servers started by a configuration (CVE-2026-30623).
"""
