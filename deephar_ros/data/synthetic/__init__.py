"""People that are rendered: a body, motions, clothes and a camera give pictures with exact joints (docs/synthetic.md).

The world: z up, metres; a person at rest stands at the origin, faces -y and has the left hand at +x.
"""
