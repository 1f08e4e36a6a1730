"""The dialect `cohere`: version 2 of Cohere's chat and embed APIs, as providers speak it."""
