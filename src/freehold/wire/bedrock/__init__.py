"""The dialect `bedrock-converse`: Amazon Bedrock's Converse API, as providers speak it."""
