"""The dialect `gemini`: generateContent and streamGenerateContent of the Gemini API and of Vertex AI."""
