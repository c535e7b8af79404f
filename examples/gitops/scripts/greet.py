import json
import sys

with open(sys.argv[1]) as file:
    variables = json.load(file)
with open(sys.argv[2], "w") as file:
    json.dump({"greeting": f"Hello, {variables['name']}!"}, file)
